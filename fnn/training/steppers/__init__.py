"""What changes parameters step by step: `stepper` is the protocol, `batches` and `streams` are the engines.

Beside them stands what an engine needs: its memory (`buffers`), steps and threads of a call (`call_tuner`), and the
rate that follows the errors (`plateau`).
"""
