//! How much memory the program has from malloc: that of Rust, which has no allocator of its own here, and of C.

use actorbridge::Builder;

/// Has a node say it, where the C library does.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub(crate) fn measured(builder: Builder) -> Builder {
    builder.heap_bytes(allocated)
}

/// Has a node say it, where the C library does.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(crate) fn measured(builder: Builder) -> Builder {
    builder
}

/// Bytes that were given out and not given back; 0 before glibc 2.33.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn allocated() -> u64 {
    type Mallinfo2 = unsafe extern "C" fn() -> libc::mallinfo2;
    // SAFETY: a function of that name has this type. It may be called at any time and by any thread; it takes the lock of one of
    // malloc's arenas after the other, as malloc does. It is looked up, since a program with an older glibc has to link too.
    let info = unsafe {
        let found = libc::dlsym(libc::RTLD_DEFAULT, c"mallinfo2".as_ptr());
        std::mem::transmute::<*mut libc::c_void, Option<Mallinfo2>>(found).map(|measure| measure())
    };
    // Large pieces are mapped one by one, and counted apart.
    info.map_or(0, |info| (info.uordblks + info.hblkhd) as u64)
}
