"""An application whose import never ends: in C, with the interpreter's lock held."""

import ctypes

while True:
    ctypes.PyDLL(None).sleep(600)
