using VmBus.Fuzz.Engine;
using VmBus.Management.Messages;
using VmBus.Management.Values;
using VmBus.Protocol.Exec;
using VmBus.TestKit.SpecTables;
using static VmBus.Fuzz.Engine.PropertyException;

namespace VmBus.Fuzz.Targets;

/// <summary>Messages of the control socket: what is no message is refused as one, and what is read is read again from what it is written as.</summary>
internal sealed class ControlTarget : IFuzzTarget
{
    public string Name => "control";

    public string What => "messages and parameters of the control socket";

    public IEnumerable<byte[]> Seeds =>
    [
        SpecVector.Load("control-hello-request")[4..], SpecVector.Load("control-disk-add-request")[4..],
        ControlMessage.Request(4, "disk.resize", new ResizeRequest("system", 100)).ToArray()[4..],
        ControlMessage.Failure(9, new ControlException(ControlErrorCode.BadMessage, "no")).ToArray()[4..],
    ];

    public void Execute(ReadOnlySpan<byte> input)
    {
        try
        {
            ControlMessage message = ControlMessage.Read(input.ToArray());
            Must(message.Name.Length <= 64, $"A name of {message.Name.Length} characters.");
            Read<HelloRequest>(message);
            Read<AddRequest>(message);
            Read<ResizeRequest>(message);
            Read<DefineRequest>(message);
            Read<AddressRequest>(message);
            Read<DiskList>(message);
            Read<NicList>(message);
        }
        catch (ControlException exception)
        {
            Must(exception.Code == ControlErrorCode.BadMessage, $"Refused with {exception.Code}.");
            Must(!exception.Message.Contains('\n', StringComparison.Ordinal), "A refusal of two lines.");
        }
    }

    public void Dispose()
    {
    }

    private static void Read<T>(ControlMessage message)
        where T : IControlValue<T>
    {
        T value;
        try
        {
            value = message.ReadBody<T>();
        }
        catch (ControlException exception)
        {
            Must(exception.Code == ControlErrorCode.BadParameters, $"Refused with {exception.Code}.");
            return;
        }

        ControlMessage again = ControlMessage.Read(ControlMessage.Request(1, "again", value)[4..]);
        ReadOnlyMemory<byte> written = ControlMessage.Request(1, "again", again.ReadBody<T>());
        Must(written.Span.SequenceEqual(ControlMessage.Request(1, "again", value).Span), $"{typeof(T).Name} is not what it was when it is read again.");
    }
}

/// <summary>Frames of commands in the guest, in pieces of any length.</summary>
internal sealed class ExecTarget : IFuzzTarget
{
    private ExecFrameReader _reader = new();

    public string Name => "exec";

    public string What => "frames of commands in the guest";

    public IEnumerable<byte[]> Seeds => [[1, 0, 0, 0, 0, 0, 0, 0], [9, 1, 12, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]];

    public void Execute(ReadOnlySpan<byte> input)
    {
        _reader = new ExecFrameReader();
        while (!input.IsEmpty)
        {
            int part = Math.Min(1 + (input[0] & 63), input.Length);
            input[..part].CopyTo(_reader.Room().Span);
            _reader.Added(part);
            input = input[part..];
            ExecFrameStatus status;
            while ((status = _reader.TryTake(out _, out ReadOnlySpan<byte> payload)) == ExecFrameStatus.Taken) Read(payload);
            if (status == ExecFrameStatus.Corrupt) return;
            Must(!_reader.Room().IsEmpty, "There is no room for what comes next.");
        }
    }

    public void Dispose()
    {
    }

    private static void Read(ReadOnlySpan<byte> payload)
    {
        Must(payload.Length <= ExecProtocol.MaximumPayloadBytes, $"A frame of {payload.Length} bytes.");
        _ = ExecError.TryRead(payload, out _);
        _ = ExecInputTaken.TryRead(payload, out _);
        _ = ExecExited.TryRead(payload, out _);
        _ = ExecKilled.TryRead(payload, out _);
        _ = ExecSignalRequest.TryRead(payload, out _);
        _ = ExecStarted.TryRead(payload, out _);
        _ = ExecWindowSize.TryRead(payload, out _);
        _ = ExecRequest.TryReadVersion(payload, out _);
        if (!ExecRequest.TryRead(payload, out ExecRequest? request)) return;
        byte[] written = new byte[ExecProtocol.MaximumPayloadBytes];
        int bytes = request!.TryWrite(written);
        Must(bytes > 0 && ExecRequest.TryRead(written.AsSpan(0, bytes), out ExecRequest? again) && again!.Arguments.SequenceEqual(request.Arguments), "A request is not what it was when it is read again.");
    }
}
