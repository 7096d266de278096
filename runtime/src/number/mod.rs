//! Numbers and their texts, without Python objects.
//!
//! * [`float_text`]: `repr`, the formats of `PyOS_double_to_string`, `float()`;
//! * [`float_arithmetic`]: `divmod`, `**`, `as_integer_ratio`;
//! * [`float_hex`]: `float.hex`, `float.fromhex`;
//! * [`rounding`]: `round(x, n)`;
//! * [`format_spec`]: the mini-language of `format()` (PEP 3101);
//! * [`printf`]: the `%` operator of `str` and `bytes`;
//! * [`digits`]: int to and from text in any base;
//! * [`integer`]: arithmetic on big ints under Python's sign rules, conversions to and from floats;
//! * [`limbs`]: its kernels for magnitudes of moderate length, without copies;
//! * [`hash`]: hashes of numbers and of byte strings.
pub mod digits;
pub mod float_arithmetic;
pub mod float_hex;
pub mod float_text;
pub mod format_spec;
pub mod hash;
pub mod integer;
pub mod limbs;
pub mod printf;
pub mod rounding;
