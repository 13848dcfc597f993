//! Types whose values are plain bytes.
#![expect(unsafe_code, reason = "implementing the trait is a promise")]

/// A type whose values are plain bytes, so that the bytes of a region can be used as values:
/// integers, floats and arrays of them.
///
/// # Safety
///
/// An implementor guarantees that
///
/// 1. any bytes are a valid value,
/// 2. every byte of a value is initialized: the type has no padding,
/// 3. a value behind a shared reference does not change: the type has no interior mutability.
///
/// # Examples
///
/// ```
/// #[derive(Clone, Copy)]
/// #[repr(C)]
/// struct Sample {
///     time: u64,
///     values: [f32; 2],
/// }
///
/// // SAFETY: the fields are plain bytes, and no padding is between or behind them.
/// unsafe impl vmalloc::Pod for Sample {}
/// ```
pub unsafe trait Pod: Copy + Send + Sync + 'static {}

macro_rules! pod {
    ($($type:ty)*) => {
        $(
            // SAFETY: a number without padding, of which all bytes are valid.
            unsafe impl Pod for $type {}
        )*
    };
}

pod!(u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize f32 f64);

// SAFETY: the elements of an array are adjacent, and each one is plain bytes.
unsafe impl<T: Pod, const N: usize> Pod for [T; N] {}
