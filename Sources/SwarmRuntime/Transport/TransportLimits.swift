/// The limits of the transport, each with what it costs.
package struct TransportLimits: Hashable, Sendable {
    /// Accepted connections that have not yet said their handshake. Each costs a descriptor and a
    /// few KiB.
    package var unauthenticatedMax = 64
    /// Connections in all, accepted and dialled. Each costs a descriptor and, while a block is in
    /// progress, up to ``blockLengthMax`` bytes: 512 MiB if all remotes send a block slowly at
    /// once; and ``handedOverBytesMax`` for each store thread's.
    package var connectionsMax = 512
    /// Connections with one remote IP address. Many peers share an address in laboratories and
    /// behind address translation; few keeps one remote from taking every place.
    package var connectionsPerAddressMax = 64
    /// How long a dial waits for the remote's kernel to answer.
    package var connectTimeout = Duration.seconds(5)
    /// How long after the connection is made the remote's whole handshake must have arrived.
    package var handshakeTimeout = Duration.seconds(10)
    /// How long a closed TLS connection waits for the remote's farewell (close_notify, RFC 8446,
    /// 6.1), which only tells a closed connection from a cut one.
    package var farewellTimeout = Duration.milliseconds(500)
    /// How long sent bytes may stay unacknowledged before the kernel gives the connection up
    /// (TCP_USER_TIMEOUT, RFC 5482).
    package var userTimeout = Duration.seconds(60)
    /// Longest block of a `piece` message in bytes. Longer ones close the connection.
    package var blockLengthMax = 1 << 20
    /// Delivered events that the driver has not acknowledged before reading stops. An event is
    /// about 100 bytes, a bitfield up to 256 KiB.
    package var unacknowledgedEventsMax = 4096
    /// Bytes accepted for sending and not yet handed to the kernel, per connection. More closes it.
    /// The driver's credit for blocks must stay below.
    package var unsentBytesMax = 8 << 20
    /// Bytes of one read: memory per event loop, shared by its connections. Reads of 64 KiB cost 70
    /// % more processor time per byte.
    package var receiveBufferLength = 1 << 20
    /// Bytes of a read that is to find the header of a long block: what it brings of the block is
    /// copied to where the rest will be read. A loop keeps one such buffer.
    package var headerBufferLength = 4 << 10
    /// Idle block and send buffers kept per event loop, in bytes.
    package var pooledBytesMax = 8 << 20
    /// Blocks up to this length are copied behind their header and written in one system call;
    /// longer ones go from file to socket inside the kernel.
    package var copiedBlockLengthMax = 64 << 10
    /// Most bytes of small blocks in one write.
    package var sendBufferLength = 256 << 10
    /// Blocks shorter than this are stored by the loop that received them: handing one over costs
    /// two wake-ups.
    package var handedOverLengthMin = 128 << 10
    /// Bytes of one connection that wait to be stored by another thread before reading stops. One
    /// read and one block may come on top.
    package var handedOverBytesMax = 4 << 20
    /// So many, and the loop stores blocks too: the threads lag behind, and to stop reading would
    /// leave the loop's core idle.
    package var helpedFromBytes = 3 << 20
    /// Bytes encrypted and written at a time: fifteen TLS records, which with what encryption adds
    /// fit into 256 KiB. Each connection that sends keeps a buffer of that size.
    package var sealedLength = 15 * (16 << 10)
    /// Most received bytes decrypted before they are taken up. Small enough for the cache of the
    /// core; each connection that receives keeps a buffer of up to twice the size.
    package var openedLength = 64 << 10
    /// Files that one connection sends from at the same time; each is a descriptor. More are read
    /// instead.
    package var openFilesMax = 4

    package init() {}
}
