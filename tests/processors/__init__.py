"""The same bits on every processor: what is compared (`bits`), and an Arm processor, emulated (`arm`)."""
