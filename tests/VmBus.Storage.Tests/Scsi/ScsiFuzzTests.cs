using VmBus.Storage.Scsi;
using VmBus.Storage.Scsi.Commands;
using VmBus.TestKit.Disks;
using Xunit;

namespace VmBus.Storage.Tests.Scsi;

/// <summary>Whatever a guest sends: one completion, no more data than there is room for, sense data that a guest can read.</summary>
public sealed class ScsiFuzzTests : ScsiFixture
{
    private const int Rounds = 60_000;

    [Theory]
    [InlineData(ScsiUnitKind.Disk, 1)]
    [InlineData(ScsiUnitKind.Dvd, 2)]
    public void Random_commands_keep_the_promises(ScsiUnitKind kind, int seed)
    {
        var random = new Random(seed);
        Use(new FakeDisk(1 << 20, kind == ScsiUnitKind.Dvd ? 2048 : 512), kind);
        Initiator[] initiators = [Guest, Join(2), Join(3)];
        byte[] opcodes = [.. CommandTable.Of(kind).Commands.Select(command => command.Opcode)];
        byte[] cdb = new byte[16];
        for (int round = 0; round < Rounds; round++)
        {
            Initiator initiator = initiators[random.Next(initiators.Length)];
            Mix(random, cdb, opcodes);
            int bytes = random.Next(4) switch
            {
                0 => 0,
                1 => random.Next(1, 64),
                2 => 512 * random.Next(1, 16),
                _ => random.Next(1, 1 << 17),
            };
            if (random.Next(16) == 0) Disk.FailNext[(DiskOperation)random.Next(5)] = random.Next(1, 130);
            Disk.Late = random.Next(2) == 0;
            initiator.Address = random.Next(8) == 0 ? new ScsiAddress((byte)random.Next(3), 0, (byte)random.Next(3)) : default;
            TestRequest request = initiator.Send(cdb, bytes, (ScsiDirection)random.Next(1, 3));
            while (Disk.LateCount > 0 || initiators.Any(i => i.Turns.RunAll()))
            {
                Disk.CompleteAll();
            }

            string what = $"seed {seed} round {round}: {Convert.ToHexString(cdb)} with {bytes} bytes";
            Assert.True(request.Completions == 1, what);
            Assert.True(request.Transferred >= 0 && request.Transferred <= bytes, what);
            Assert.True(request.Status != ScsiStatus.CheckCondition || IsReadable(request.Sense), what);
            Assert.True(request.Status == ScsiStatus.Good || request.Transferred == 0, what);
            Assert.All(initiators, i => Assert.Equal(0, i.Queue.InFlight));
        }
    }

    // Known operation codes with fields that are often small, so that many commands get past their checks.
    private static void Mix(Random random, byte[] cdb, byte[] opcodes)
    {
        random.NextBytes(cdb);
        if (random.Next(8) > 0)
        {
            for (int i = 1; i < cdb.Length; i++)
            {
                if (random.Next(4) > 0) cdb[i] = (byte)(random.Next(3) == 0 ? random.Next(32) : 0);
            }
        }

        if (random.Next(16) > 0) cdb[0] = opcodes[random.Next(opcodes.Length)];
    }

    private static bool IsReadable(ReadOnlySpan<byte> sense) => sense[0] is 0x70 or 0xF0 && sense[2] is > 0 and < 16 && sense[7] == 10
        && (sense[12] | sense[13]) > 0;
}
