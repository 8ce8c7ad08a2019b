//go:build cgo

/* Two archives in one program would link silently, and one's actors would be missing: this makes the linker say so. */
int ab_exactly_one_library_package_may_be_imported = 1;
