//! The image on the Hermit kernel: the entry, and the link to the kernel. All other code is in the library.

#![no_std]
#![no_main]

extern crate hermit as _;

/// Enters the image with the loader's records.
#[expect(unsafe_code, reason = "the entry code calls it by its symbol")]
#[unsafe(no_mangle)]
extern "C" fn image_main(start_info: app::image::StartInfo) -> ! {
    app::image::enter(start_info)
}
