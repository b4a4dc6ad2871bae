using VmBus.Lanes;
using VmBus.Memory.Guest;
using VmBus.Storage.Scsi;

namespace VmBus.Storage.Tests.Scsi;

/// <summary>A lane whose posted and scheduled work runs when a test says so.</summary>
internal sealed class ManualTurns : ILaneTurns
{
    private readonly Queue<Action> _work = new();

    internal int Scheduled { get; private set; }

    public void Post(Action work) => _work.Enqueue(work);

    public void Schedule(ILaneHandler handler)
    {
        Scheduled++;
        _work.Enqueue(() => handler.Run());
    }

    /// <summary>Runs what waits and what that adds. False when nothing waited.</summary>
    internal bool RunAll()
    {
        bool any = _work.Count > 0;
        while (_work.Count > 0) _work.Dequeue()();
        return any;
    }
}

/// <summary>A request that counts its completions.</summary>
internal sealed class TestRequest(IoVectorList data) : ScsiRequest(data)
{
    internal int Completions { get; private set; }

    internal bool IsComplete => Completions > 0;

    internal (int Key, int Code, int Qualifier) SenseTriple => (Sense[2] & 0x0F, Sense[12], Sense[13]);

    internal void Begin() => Completions = 0;

    public override void Complete() => Completions++;
}

/// <summary>One initiator's channel to a target, as a test drives it: sends CDBs and looks at what comes back.</summary>
internal sealed class Initiator : IDisposable
{
    internal const int BufferBytes = 4 << 20;

    private readonly GuestMemory _memory = GuestMemory.Create(BufferBytes);
    private readonly IoVectorList _list = new(4, 64);

    internal Initiator(ScsiTarget target, ulong id = 1)
    {
        Turns = new ManualTurns();
        Queue = target.OpenQueue(null!, Turns);
        Request = new TestRequest(_list) { Initiator = id };
    }

    internal ManualTurns Turns { get; }

    internal ScsiTargetQueue Queue { get; }

    internal TestRequest Request { get; }

    /// <summary>Whom commands are sent to.</summary>
    internal ScsiAddress Address { get; set; }

    /// <summary>Sends a command without data.</summary>
    internal TestRequest Send(string cdb) => Send(cdb, 0);

    /// <summary>Sends a command with room for <paramref name="bytes"/> of data.</summary>
    internal TestRequest Send(string cdb, int bytes) => Send(Parse(cdb), bytes, ScsiDirection.Read);

    /// <summary>Sends a command with data memory of <paramref name="bytes"/> as it stands.</summary>
    internal TestRequest Send(string cdb, int bytes, ScsiDirection direction) => Send(Parse(cdb), bytes, direction);

    /// <summary>Sends a command with data for the device.</summary>
    internal TestRequest SendData(string cdb, ReadOnlySpan<byte> data)
    {
        _memory.TryWrite(new Gpa(0), data);
        return Send(Parse(cdb), data.Length, ScsiDirection.Write);
    }

    /// <summary>Sends a command in data memory as it stands.</summary>
    internal TestRequest Send(ReadOnlySpan<byte> cdb, int bytes, ScsiDirection direction)
    {
        Prepare(Request, _list, cdb, bytes, direction);
        Queue.Execute(Request);
        return Request;
    }

    /// <summary>Sends a command beside the others: with its own request.</summary>
    internal TestRequest SendBeside(string cdb, int bytes = 0, ScsiDirection direction = ScsiDirection.Read)
    {
        var list = new IoVectorList(4, 64);
        var request = new TestRequest(list) { Initiator = Request.Initiator };
        Prepare(request, list, Parse(cdb), bytes, direction);
        Queue.Execute(request);
        return request;
    }

    /// <summary>The first bytes of the data memory.</summary>
    internal byte[] Data(long bytes)
    {
        byte[] data = new byte[bytes];
        _memory.TryRead(new Gpa(0), data);
        return data;
    }

    /// <summary>What the last command transferred.</summary>
    internal byte[] Reply() => Data(Request.Transferred);

    internal void Fill(byte value)
    {
        byte[] data = new byte[BufferBytes];
        data.AsSpan().Fill(value);
        _memory.TryWrite(new Gpa(0), data);
    }

    public void Dispose()
    {
        Queue.Dispose();
        _list.Dispose();
        _memory.Dispose();
    }

    private static byte[] Parse(string cdb) => Convert.FromHexString(cdb.Replace(" ", "", StringComparison.Ordinal));

    private void Prepare(TestRequest request, IoVectorList list, ReadOnlySpan<byte> cdb, int bytes, ScsiDirection direction)
    {
        request.Begin();
        request.Cdb.Clear();
        cdb.CopyTo(request.Cdb);
        request.Address = Address;
        request.Direction = bytes == 0 ? ScsiDirection.None : direction;
        list.Clear();
        if (bytes > 0 && !list.TryAdd(_memory, new Gpa(0), bytes)) throw new InvalidOperationException("No room.");
    }
}
