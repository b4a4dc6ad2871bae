using VmBus.Storage.Scsi;
using VmBus.TestKit.Disks;
using Xunit;

namespace VmBus.Storage.Tests.Scsi;

/// <summary>A target with one unit at 0:0:0 and one initiator.</summary>
public abstract class ScsiFixture : IDisposable
{
    private readonly List<Initiator> _initiators = [];
    private Initiator? _first;

    internal static ScsiIdentity Identity { get; } = new(ScsiUnitKind.Disk, "SN-0001", new Guid("00112233-4455-6677-8899-aabbccddeeff"));

    internal FakeDisk Disk { get; private set; } = new();

    internal ScsiTarget Target { get; } = new();

    /// <summary>The first initiator; made with the unit on first use.</summary>
    internal Initiator Guest
    {
        get
        {
            if (_first is null) Use(Disk);
            return _first!;
        }
    }

    /// <summary>Puts another disk behind the unit, before the first command.</summary>
    internal void Use(FakeDisk disk, ScsiUnitKind kind = ScsiUnitKind.Disk)
    {
        Disk = disk;
        Target.Add(default, disk, Identity with { Kind = kind });
        _first = Join(1);
    }

    /// <summary>Another channel.</summary>
    internal Initiator Join(ulong id)
    {
        var initiator = new Initiator(Target, id);
        _initiators.Add(initiator);
        return initiator;
    }

    internal static void AssertGood(TestRequest request, long transferred = 0)
    {
        Assert.Equal((1, ScsiStatus.Good, transferred), (request.Completions, request.Status, request.Transferred));
        Assert.False(request.NoSuchUnit);
    }

    internal static void AssertSense(TestRequest request, int key, int code, int qualifier)
    {
        Assert.Equal((1, ScsiStatus.CheckCondition, 0L), (request.Completions, request.Status, request.Transferred));
        Assert.Equal((key, code, qualifier), request.SenseTriple);
    }

    internal static void AssertConflict(TestRequest request) =>
        Assert.Equal((1, ScsiStatus.ReservationConflict, 0L), (request.Completions, request.Status, request.Transferred));

    public void Dispose()
    {
        foreach (Initiator initiator in _initiators) initiator.Dispose();
        Assert.Equal(0, Disk.OpenQueues);
        GC.SuppressFinalize(this);
    }
}
