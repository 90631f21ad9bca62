"""An application whose import crashes the interpreter."""

import os
import signal

os.kill(os.getpid(), signal.SIGSEGV)
