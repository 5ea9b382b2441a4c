"""What a power loss may leave of the disk below a SQLite store.

    operations   what is done to files: values
    disk         what of it is durable, and what is still pending
    images       every disk that a power loss may leave of that
    recorder     takes down what is done, until the power fails
    vfs          the layer of SQLite that tells the recorder (needs apsw)
    connection   a connection over it, as the engine's store uses one
    power        on, failing, and on again with an image in place of the files

A crash of a process leaves every write, for the operating system has them; a power
loss leaves what was synced, and of the rest whatever the disk happened to have written.
"""
