"""Run another Python module so that it ends with the process that started it, whatever kills that one.

`python -m hummingbot_tegro.demo.child MODULE ARGUMENTS...` is that module, which then ends at once when its standard
input does. Only the demo itself holds the other end of that pipe.
"""

import os
import runpy
import sys
import threading

_PARENT_IS_GONE = 70


def _end_with_parent(pipe: int) -> None:
    while os.read(pipe, 4096):
        pass
    # There is nobody left to tell, and nothing of value: no clean-up that could hang.
    os._exit(_PARENT_IS_GONE)


def main() -> None:
    """Watch the standard input, then become the module."""
    pipe = os.dup(0)
    # The module must not read what is only a sign of life.
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    threading.Thread(target=_end_with_parent, args=(pipe,), name="parent watch", daemon=True).start()
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
