"""The passes of curation: tasks that read the files of earlier passes and write their own.

Each pass partitions rows into ranges of the key that it groups by: the place in the shuffle, the
content, a band of the perceptual hash, the title, the speaker or the shard. A task holds one range,
so memory depends on the size of a range and not on the number of rows, and results do not depend on
the partitioning. Ranges are intervals of a sorted order; concatenated, they are sorted.

Tasks are idempotent: a repeated task writes the same bytes under the same names. A row's number has
its range in the upper 32 bits and its place in the range in the lower 32.

Some data is not partitioned and held by one worker: pairs of near copies (60 bytes a pair), people
without a name (2 KB each), bytes of each shard (8), and a row group of each output table.
"""
