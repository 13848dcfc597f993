//! The entry point and the panic handler of the image. All other code is in the library.

#![cfg_attr(target_os = "none", no_std, no_main)]

/// Starts the image. The entry code calls this function with the address of the loader's records.
#[cfg(target_os = "none")]
#[expect(unsafe_code, reason = "the entry code calls it by its symbol")]
#[unsafe(no_mangle)]
extern "C" fn image_main(start_info: app::image::StartInfo) -> ! {
    app::image::enter(start_info)
}

#[cfg(target_os = "none")]
#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    app::image::panic(info)
}

#[cfg(not(target_os = "none"))]
fn main() {
    println!("this is a kernel image; use `cargo xtask run`");
}
