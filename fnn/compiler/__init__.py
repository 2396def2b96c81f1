"""Numba, tamed: its options, what is compiled once and linked, the cache on disk, threads for kernels.

What is compiled for a dtype serves every network: sizes, batches and learning rates are values of the run, and
activations, losses and optimizers are reached through addresses, so that only those in use are compiled. Kernels take
arrays and pointers, raise nothing, and touch no Python object, so any thread may run them without the interpreter's
lock.

A function is compiled in one of five ways: `kernel` for Python to call, `linked` for kernels to call through a pointer,
`inline` and `forced` to become part of kernels, `OnDemand` to be called through an address that is only then known.

All that fnn uses of Numba's and llvmlite's insides, none of it documented, is imported by this package or `fnn.njit`.
The list names modules of ``numba.core``, and what breaks if a version of Numba changes them;
``tests/oldest_and_newest.py`` tries the oldest and the newest one.

Everything that is compiled:

- ``cgutils``, ``compiler_lock.global_compiler_lock``, llvmlite's typed pointers (`.internals`): every intrinsic.
- An object with ``_numba_type_`` passes for one of that type (`.inline`, all values of fnn): every kernel, every call
  of a jitted function with fnn's values.
- ``typing.templates.make_intrinsic_template`` (`.inline`): every intrinsic.
- A dispatcher's ``get_call_template``, ``targetctx``, ``_compiler._customize_flags``, ``add_overload``, the flag
  ``no_compile``, the fields ``entry_point``, ``fndesc``, ``library`` of a compile result, a library's ``finalize``,
  ``_finalized`` and ``_linking_libraries`` (`.inline`): inlined functions, of which every kernel is made. Without them
  plain `njit` would do, and take longer.
- The options ``no_cpython_wrapper``, ``no_cfunc_wrapper``, ``forceinline``, ``_nrt`` of `njit` (`.internals`).
- The steps of the compiler and their names, ``compiler.CompilerBase``, ``codegen.JITCodeLibrary``, ``typing.Context``
  and its ``resolve_function_type``, ``rtsys.library`` (`.pipeline`): everything. Without them plain `njit` would
  do, and take longer.
- ``library.get_pointer_to_function``, ``fndesc.llvm_cfunc_wrapper_name`` and that a function without Python objects has
  a C wrapper of the plain C convention (`.addresses`): linked functions, activations, losses, optimizers.
- ``llvmlite.binding.add_symbol`` resolves a name in cached code (`.linking`): every kernel after the first process.
- ``context.codegen().magic_tuple()`` and ``registry.cpu_target`` (`.target`, `.cache`): vector widths, the cache's key.
- ``context.active_code_library``, its ``_final_module`` and ``_optimize_final_module``, ``context.target_data``,
  ``add_linking_libs`` (`.addresses`): matrix products; losses and activations within a user's jitted functions.
- ``caching.FunctionCache`` and ``IndexDataCacheFile``, a dispatcher's ``_cache`` (`.cache`): kernels on disk.
- ``runtime._nrt_python.c_helpers``, with ``NRT_`` before their names, are all of Numba that loaded code needs, and a
  compilation refreshes both contexts (`.cache`): every kernel after the first process, which crashes otherwise.
- ``dispatcher.Dispatcher``, its type's ``get_call_type`` (`.user_functions`): activations and losses of the user.
- ``event.Listener``, and the event ``numba:compile`` with its ``dispatcher`` (`.notice`): the line that tells of it.
- ``llvmlite.binding.ffi.lib._lock`` (`.addresses`): forks beside threads that compile.

Only jitted functions of the user that use fnn (`fnn.njit`):

- ``typing_context.insert_global`` and ``types.Callable`` (`.numba_types`): errors for names without a form there.
- ``imputils.lower_constant``, ``impl_ret_borrowed``, ``impl_ret_new_ref``, ``cgutils.create_struct_proxy``, ``c.pyapi``
  (`boxing`, `calls`, `structures`): values that enter, leave or are globals.
- ``np.arrayobj.make_array``, ``populate_array``, ``context.nrt`` (`calls`, `structures`): arrays made without Python.
- ``overload(.., inline="always")`` and ``targetconfig.ConfigStack`` (`registration`): errors without leaks, `parallel`.
"""
