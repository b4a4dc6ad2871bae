using System.Buffers;
using VmBus.Management.Framing;
using VmBus.Management.MessagePack;
using VmBus.Management.Values;

namespace VmBus.Management.Messages;

/// <summary>One message: an array of four elements. Source: protocol-spec/control.md#messages.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Id">The request's number, which the client chooses; 0 in a response that belongs to none.</param>
/// <param name="Name">The verb or the event; empty in a response.</param>
/// <param name="Error">Why there is no result; null otherwise.</param>
/// <param name="Body">Parameters, result or fields: one whole MessagePack value.</param>
public sealed record ControlMessage(MessageKind Kind, uint Id, string Name, ControlException? Error, ReadOnlyMemory<byte> Body)
{
    private const int Elements = 4;
    private const int MaximumNameCharacters = 64;

    /// <summary>Reads a message.</summary>
    /// <param name="message">The bytes of one frame; the body refers to them.</param>
    /// <exception cref="ControlException">They are no message (<see cref="ControlErrorCode.BadMessage"/>).</exception>
    public static ControlMessage Read(ReadOnlyMemory<byte> message)
    {
        try
        {
            var reader = new MessagePackReader(message);
            if (reader.ReadArrayHeader() != Elements) throw new MessagePackSerializationException($"A message has {Elements} elements.");
            var kind = (MessageKind)reader.ReadInt32();
            uint id = reader.ReadUInt32();
            string name = "";
            ControlException? error = null;
            if (kind == MessageKind.Response) error = ReadError(ref reader);
            else if (kind is MessageKind.Request or MessageKind.Event) name = ReadName(ref reader);
            else throw new MessagePackSerializationException($"There is no message of kind {(int)kind}.");
            long start = reader.Consumed;
            reader.Skip();
            if (!reader.End) throw new MessagePackSerializationException("There are bytes behind the message.");
            return new ControlMessage(kind, id, name, error, message[(int)start..]);
        }
        catch (MessagePackSerializationException exception)
        {
            throw new ControlException(ControlErrorCode.BadMessage, $"This is no message: {exception.Message}", exception);
        }
    }

    /// <summary>A frame with a request.</summary>
    public static ReadOnlyMemory<byte> Request<T>(uint id, string verb, T parameters)
        where T : IControlValue<T> => Frame(MessageKind.Request, id, verb, null, parameters);

    /// <summary>A frame with an answer.</summary>
    public static ReadOnlyMemory<byte> Response<T>(uint id, T result)
        where T : IControlValue<T> => Frame(MessageKind.Response, id, null, null, result);

    /// <summary>A frame with a refusal.</summary>
    public static ReadOnlyMemory<byte> Failure(uint id, ControlException error) => Frame<NoValue>(MessageKind.Response, id, null, error, null);

    /// <summary>A frame with an event.</summary>
    public static ReadOnlyMemory<byte> Event<T>(uint id, string name, T fields)
        where T : IControlValue<T> => Frame(MessageKind.Event, id, name, null, fields);

    /// <summary>Reads the body.</summary>
    /// <exception cref="ControlException">It is not what it should be (<see cref="ControlErrorCode.BadParameters"/>).</exception>
    public T ReadBody<T>()
        where T : IControlValue<T>
    {
        try
        {
            var reader = new MessagePackReader(Body);
            return T.Read(ref reader);
        }
        catch (MessagePackSerializationException exception)
        {
            throw new ControlException(ControlErrorCode.BadParameters, exception.Message, exception);
        }
    }

    private static ReadOnlyMemory<byte> Frame<T>(MessageKind kind, uint id, string? name, ControlException? error, T? body)
        where T : IControlValue<T>
    {
        var output = new ArrayBufferWriter<byte>();
        output.Write(stackalloc byte[FrameHeader.Size]);
        var writer = new MessagePackWriter(output);
        writer.WriteArrayHeader(Elements);
        writer.Write((int)kind);
        writer.Write(id);
        if (error is null)
        {
            writer.Write(name);
        }
        else
        {
            writer.WriteArrayHeader(2);
            writer.Write((int)error.Code);
            writer.Write(error.Message);
        }

        if (body is null) writer.WriteNil();
        else body.Write(ref writer);
        writer.Flush();
        byte[] frame = output.WrittenSpan.ToArray();
        new FrameHeader((uint)(frame.Length - FrameHeader.Size)).Write(frame);
        return frame;
    }

    private static string ReadName(ref MessagePackReader reader)
    {
        string name = reader.ReadString() ?? "";
        return name.Length is > 0 and <= MaximumNameCharacters && name.All(static c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c is '.' or '-')
            ? name
            : throw new MessagePackSerializationException($"A name has 1 to {MaximumNameCharacters} characters of a to z, 0 to 9, '.' and '-'.");
    }

    private static ControlException? ReadError(ref MessagePackReader reader)
    {
        if (reader.TryReadNil()) return null;
        if (reader.ReadArrayHeader() != 2) throw new MessagePackSerializationException("An error is a code and a text.");
        var code = (ControlErrorCode)reader.ReadInt32();
        return new ControlException(code, reader.ReadString() ?? "");
    }
}
