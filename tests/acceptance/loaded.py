"""What the process has loaded, beside the modules, from which workers are forked."""

import gc

from ingestion.language import language_of

language_of("Wovon man nicht sprechen kann, darüber muss man schweigen.")  # its model takes 0.8 s to unpack
gc.freeze()  # a collection would write to all that is shared
