//! The page's plots as a PNG, drawn by resvg with a font of this machine.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree, fontdb::Database};

/// Pixels for each of the SVG's, so that letters are sharp on a dense screen too.
const ZOOM: f32 = 1.35;

/// Draws an SVG.
pub(crate) fn write(svg: &str, path: &Path) -> Result<(), Box<dyn Error>> {
    let mut fonts = Database::new();
    fonts.load_system_fonts();
    if fonts.is_empty() {
        return Err(
            "there are no fonts here to write with; install one (Debian: apt-get install fonts-dejavu-core)".into(),
        );
    }
    let mut options = Options::default();
    // Whichever is there: fonts have other names on other systems.
    let wanted = ["DejaVu Sans", "Liberation Sans", "Arial", "Helvetica"];
    let there = fonts
        .faces()
        .flat_map(|face| face.families.iter().map(|(name, _)| name.clone()))
        .collect::<Vec<_>>();
    let family = wanted
        .iter()
        .find(|w| there.iter().any(|t| t == *w))
        .map(|w| (*w).to_owned());
    options.font_family = family.or_else(|| there.first().cloned()).unwrap_or_default();
    fonts.set_sans_serif_family(options.font_family.clone());
    options.fontdb = Arc::new(fonts);
    let tree = Tree::from_str(svg, &options)?;
    let size = tree
        .size()
        .to_int_size()
        .scale_by(ZOOM)
        .ok_or("the picture has no size")?;
    let mut pixels = Pixmap::new(size.width(), size.height()).ok_or("the picture has no size")?;
    resvg::render(&tree, Transform::from_scale(ZOOM, ZOOM), &mut pixels.as_mut());
    Ok(pixels.save_png(path)?)
}
