using Microsoft.Extensions.Logging.Abstractions;
using VmBus.Lanes;
using VmBus.Memory.Guest;
using VmBus.Storage.Disks;
using VmBus.Storage.Scsi;
using VmBus.Storage.Tests.Disks;
using Xunit;

namespace VmBus.Storage.Tests.Scsi;

/// <summary>Several real lanes at once on one unit of a real disk.</summary>
public sealed class ScsiOnLanesTests
{
    private const int Lanes = 3;
    private const int Blocks = 64;

    [Fact]
    public void Lanes_share_a_unit_and_its_removal_drains_them_all()
    {
        using var bench = new DiskBench();
        using IDisk disk = DiskFactory.Open(new DiskOptions(bench.MakeFile("disk", 16 << 20)), NullLogger.Instance);
        var target = new ScsiTarget();
        target.Add(default, disk, ScsiFixture.Identity);
        Client[] clients = [.. Enumerable.Range(0, Lanes).Select(i => new Client(target, i))];
        foreach (Client client in clients) client.Begin();
        foreach (Client client in clients) Assert.True(client.Warm.Wait(DiskBench.Patience));
        using var drained = new ManualResetEventSlim();
        Assert.True(target.Remove(default, drained.Set));
        foreach (Client client in clients) Assert.True(client.Gone.Wait(DiskBench.Patience));
        Assert.True(drained.Wait(DiskBench.Patience));
        foreach (Client client in clients)
        {
            Assert.Null(client.Problem);
            client.Dispose();
        }
    }

    /// <summary>Writes and reads back its own blocks, round after round, until the unit is gone. The next command starts in the lane's next turn.</summary>
    private sealed class Client : ScsiRequest, IDisposable
    {
        private static readonly string[] Round =
        [
            "2A0000000000000040000000000000", "35", "280000000000000040000000000000", "2F0200000000000040000000000000",
            "1200000060", "5E00000000000000FF", "2E0200000000000040000000000000",
        ];

        private readonly GuestMemory _memory = GuestMemory.Create(Blocks * 512);
        private readonly Lane _lane;
        private readonly int _index;
        private ScsiTargetQueue? _queue;
        private int _step;

        internal Client(ScsiTarget target, int index)
            : base(new IoVectorList(4, 1024))
        {
            _index = index;
            _lane = Lane.Start($"client-{index}", NullLogger.Instance);
            _lane.Invoke(() => _queue = target.OpenQueue(_lane));
            Initiator = (ulong)index;
        }

        internal ManualResetEventSlim Warm { get; } = new();

        internal ManualResetEventSlim Gone { get; } = new();

        internal string? Problem { get; private set; }

        internal void Begin() => _lane.Post(Next);

        public override void Complete()
        {
            int round = _step / Round.Length;
            if (NoSuchUnit)
            {
                Gone.Set();
                return;
            }

            bool absent = Round[_step % Round.Length].StartsWith("12", StringComparison.Ordinal) && Transferred == 36;
            if (Status != ScsiStatus.Good && !absent) Problem ??= $"step {_step}: {Status}, sense {Convert.ToHexString(Sense)}";
            if (_step % Round.Length == 2) Check(round);
            _step++;
            if (round == 20) Warm.Set();
            _lane.Post(Next);
        }

        public void Dispose()
        {
            _lane.Invoke(_queue!.Dispose);
            _lane.Dispose();
            Data.Dispose();
            _memory.Dispose();
            Warm.Dispose();
            Gone.Dispose();
        }

        private void Next()
        {
            string text = Round[_step % Round.Length];
            Cdb.Clear();
            Convert.FromHexString(text).CopyTo(Cdb);
            // Every client has blocks of its own.
            if (text.Length > 20) Cdb[4] = (byte)(_index + 1);
            Direction = text.StartsWith("28", StringComparison.Ordinal) || text.Length < 20 ? ScsiDirection.Read : ScsiDirection.Write;
            if (Direction == ScsiDirection.Write) Fill(_step / Round.Length);
            Data.Clear();
            if (text != "35") Data.TryAdd(_memory, new Gpa(0), Blocks * 512);
            _queue!.Execute(this);
        }

        private void Fill(int round)
        {
            byte[] data = new byte[Blocks * 512];
            data.AsSpan().Fill((byte)((round * Lanes) + _index));
            _memory.TryWrite(new Gpa(0), data);
        }

        private void Check(int round)
        {
            byte[] data = new byte[Blocks * 512];
            _memory.TryRead(new Gpa(0), data);
            if (data.AsSpan().ContainsAnyExcept((byte)((round * Lanes) + _index))) Problem ??= $"round {round} read what it did not write";
        }
    }
}
