"""What the fork server imports for its workers.

Without the garbage collector the imports take a sixth less. What they made is never collected in
the workers, which so keep sharing its memory.
"""

import gc

gc.disable()

import mytalk_core.dubbing.tools  # noqa: E402
import mytalk_core.faces.mediapipe_networks  # noqa: E402, F401

gc.freeze()
gc.enable()
