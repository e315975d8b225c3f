"""The passes of curation: each task reads what an earlier pass left in files, and leaves its own.

Rows are cut into ranges, by whatever a pass has to bring together: the key's place in the shuffle,
the content, a band of the perceptual hash, the title, the speaker, the shard. A task holds one
range, so memory depends on the size of a range and not on how many there are, and the results
depend on the rows alone, not on how they are cut. All ranges are runs of a sorted order; put one
after the other they are sorted as a whole.

Every task may be run again, by whoever: it writes the same files under the same names. A row's
number is that of its range in the upper 32 bits and its place in the range in the lower ones.

What no range holds, and so passes through one worker: pairs of near copies (60 bytes a pair),
people without a name (2 KB each), bytes of each shard while they are counted (8), and the finished
tables, a group of rows at a time.
"""
