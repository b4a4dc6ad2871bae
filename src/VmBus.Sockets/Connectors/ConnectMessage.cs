using System.Buffers.Binary;

namespace VmBus.Sockets.Connectors;

/// <summary>The two messages between a <see cref="HostConnector"/> and its <see cref="ConnectorServer"/>. Source: protocol-spec/given.md#connecting.</summary>
internal static class ConnectMessage
{
    /// <summary>Bytes of what is asked: the id of a service.</summary>
    public const int RequestBytes = 16;

    /// <summary>Bytes of the answer: 0 with the connection's descriptor, or the error number without one.</summary>
    public const int AnswerBytes = 4;

    /// <summary>Writes a request.</summary>
    public static void WriteRequest(Span<byte> target, Guid service) => service.TryWriteBytes(target);

    /// <summary>Reads one; every value is one.</summary>
    public static Guid ReadRequest(ReadOnlySpan<byte> source) => new(source[..RequestBytes]);

    /// <summary>Writes an answer.</summary>
    public static void WriteAnswer(Span<byte> target, int errno) => BinaryPrimitives.WriteInt32LittleEndian(target, errno);

    /// <summary>Reads one.</summary>
    public static int ReadAnswer(ReadOnlySpan<byte> source) => BinaryPrimitives.ReadInt32LittleEndian(source);
}
