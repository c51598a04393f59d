"""Build the starter's language models and tune how they are used: `python -m transcription.training.language_model …`.

    build LINES… --texts TEXTS      count, smooth, prune; writes lm-en.npz, lm-fr.npz and lm-generic.npz
    tune LINES… --weights FILE      chooses the weights of decoding on the tune split; writes lm-weights.json
    measure LINES… --weights FILE   error rates and time on the tune split: greedy, with model, with vocabulary

Counts come from running text and from the `train` split's transcripts, smoothed after Witten and Bell (IEEE Trans.
Information Theory, 1991), each order interpolated with the one below, and pruned by what an n-gram's loss would cost
(Stolcke 1998).
"""
