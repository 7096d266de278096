//! Interned strings that native code uses: attribute and keyword names.

use crate::object::value::{Owned, Value};

macro_rules! define_names {
    ($($name:ident)*) => {
        /// One immortal interned string per field, of the field's own name.
        #[allow(non_snake_case, reason = "named as the Python names")]
        pub struct Names { $(pub $name: Value),* }

        fn make() -> Names {
            Names { $($name: crate::types::string::intern_str(stringify!($name).trim_start_matches("r#")).into_raw()),* }
        }
    };
}

define_names! {
    __abs__ __abstractmethods__ __add__ __aenter__ __aexit__ __aiter__ __all__ __and__ __anext__ __annotate__
    __annotate_func__ __annotations__ __annotations_cache__ __args__ __await__ __bases__ __bool__ __buffer__ __build_class__ __builtins__ __bytes__
    __cached__ __call__ __cause__ __ceil__ __class__ __class_getitem__ __classcell__ __classdict__ __classdictcell__ __closure__ __code__
    __complex__ __contains__ __context__ __copy__ __debug__ __deepcopy__ __defaults__ __del__ __delattr__ __delete__
    __delitem__ __dict__ __dir__ __divmod__ __doc__ __enter__ __eq__ __exit__ __file__ __firstlineno__ __float__ __floor__ __floordiv__
    __format__ __fspath__ __func__ __future__ __ge__ __get__ __getattr__ __getattribute__ __getinitargs__ __getitem__
    __getnewargs__ __getnewargs_ex__ __getstate__ __globals__ __gt__ __hash__ __iadd__ __iand__ __ifloordiv__ __ilshift__
    __imatmul__ __imod__ __import__ __imul__ __index__ __init__ __init_subclass__ __instancecheck__ __int__ __invert__
    __ior__ __ipow__ __irshift__ __isub__ __iter__ __itruediv__ __ixor__ __kwdefaults__ __le__ __len__ __length_hint__
    __loader__ __lshift__ __lt__ __main__ __match_args__ __matmul__ __missing__ __mod__ __module__ __mro__ __mro_entries__ __mul__
    __name__ __ne__ __neg__ __new__ __next__ __notes__ __objclass__ __or__ __origin__ __orig_bases__ __package__ __parameters__ __path__ __pos__
    __pow__ __prepare__ __qualname__ __radd__ __rand__ __rdivmod__ __reduce__ __reduce_ex__ __release_buffer__ __repr__
    __reversed__ __rfloordiv__ __rlshift__ __rmatmul__ __rmod__ __rmul__ __ror__ __round__ __rpow__ __rrshift__ __rshift__
    __rsub__ __rtruediv__ __rxor__ __self__ __set__ __set_name__ __setattr__ __setitem__ __setstate__ __sizeof__ __slotnames__ __slots__
    __spec__ __static_attributes__ __str__ __sub__ __subclasscheck__ __subclasshook__ __suppress_context__ __text_signature__
    __traceback__ __truediv__ __trunc__ __type_params__ __typing_subst__ __typing_unpacked_tuple_args__ __typing_prepare_subst__ __typing_is_unpacked_typevartuple__ __unpacked__ __weakref__ __xor__ __wrapped__ __isabstractmethod__
    _find_and_load _fix_up_module _get_sourcefile _handle_fromlist _initializing _lock_unlock_module _uninitialized_submodules _path
    append add args as_integer_ratio bit_length builtins buffer cause class clear close closed code co_name context copy count decode default displayhook
    encode encoding end errno errors excepthook exceptions exc_type exc_value exc_traceback err_msg object extend fget fset fdel file
    filename filename2 fileno flush format function gi_frame get getattr globals has_location index insert items iterable join keepends keys
    key keyword keywords last_exc last_type last_value last_traceback lineno locals loader maxsplit maxint mode modules module msg mro metaclass name name_from newline obj offset
    open opener origin path pop print_file_and_line ps1 ps2 read readable readall readinto readline reason register replace reset
    reversed send sep set_name setdefault setstate signed size sort source start startswith stderr stdin stdout step stop strict strerror
    string sys tell text throw traceback r#type update utf_8 value values version warnoptions warn warn_explicit writable write zipimporter
    end_lineno end_offset _ast _is_text_encoding _abc_impl _fields _attributes _field_types _io site threading _shutdown unraisablehook warnings
    dont_write_bytecode path_hooks path_importer_cache meta_path builtin_module_names _bootstrap _bootstrap_external importlib _frozen_importlib
    _frozen_importlib_external _install _install_external_importers tracebacklimit flags hash_info argv prefix exec_prefix __stdout__ __stderr__ __stdin__
    _showwarnmsg _warn_unawaited_coroutine defaultaction onceregistry filters __warningregistry__ category co_filename
    copyreg __newobj__ __newobj_ex__ _reduce_ex _slotnames persistent_id persistent_load reducer_override dispatch_table find_class peek
    tb_frame tb_next tb_lineno tb_lasti f_locals call_soon get_debug call_exception_handler cancel done result get_loop _loop is_running add_done_callback _asyncio_future_blocking discard
    sort_keys reverse initial strings interpolations expression conversion format_spec
}

static mut NAMES: Option<Names> = None;

/// The names. Valid after start-up.
#[inline(always)]
pub fn names() -> &'static Names {
    // SAFETY: written once by `initialize`, before other threads exist and before anything reads it.
    unsafe {
        match &*(&raw const NAMES) {
            Some(names) => names,
            None => missing(),
        }
    }
}

#[cold]
fn missing() -> ! {
    panic!("names are used before the interpreter is set up")
}

/// Makes the names. Called once, after the string type exists.
pub(crate) fn initialize() {
    // SAFETY: only the first thread runs.
    unsafe { NAMES = Some(make()) };
}

/// The interned string of a static text that is not worth a field.
pub fn interned(text: &str) -> Owned {
    crate::types::string::intern_str(text)
}
