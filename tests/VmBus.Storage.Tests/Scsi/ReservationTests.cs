using System.Buffers.Binary;
using VmBus.Storage.Scsi;
using Xunit;

namespace VmBus.Storage.Tests.Scsi;

/// <summary>RESERVE, RELEASE and persistent reservations of several initiators.</summary>
public sealed class ReservationTests : ScsiFixture
{
    private const int Register = 0;
    private const int Reserve = 1;
    private const int Release = 2;
    private const int Clear = 3;
    private const int Preempt = 4;
    private const int PreemptAndAbort = 5;
    private const int RegisterAndIgnore = 6;

    private const string TestUnitReady = "00 00 00 00 00 00";
    private const string Read = "28 00 00 00 00 00 00 00 01 00";

    private const string WriteOne = "2A 00 00 00 00 00 00 00 01 00";

    private static TestRequest Out(Initiator initiator, int action, ulong key, ulong actionKey = 0, int type = 0, byte flags = 0)
    {
        byte[] parameters = new byte[24];
        BinaryPrimitives.WriteUInt64BigEndian(parameters, key);
        BinaryPrimitives.WriteUInt64BigEndian(parameters.AsSpan(8), actionKey);
        parameters[20] = flags;
        return initiator.SendData($"5F {action:X2} {type:X2} 00 00 00 00 00 18 00", parameters);
    }

    private static byte[] In(Initiator initiator, int action)
    {
        TestRequest request = initiator.Send($"5E {action:X2} 00 00 00 00 00 10 00 00", 4096);
        Assert.Equal(ScsiStatus.Good, request.Status);
        return initiator.Reply();
    }

    private static ulong[] Keys(Initiator initiator)
    {
        byte[] data = In(initiator, 0);
        Assert.Equal(data.Length - 8, BinaryPrimitives.ReadInt32BigEndian(data.AsSpan(4)));
        return [.. Enumerable.Range(0, (data.Length - 8) / 8).Select(i => BinaryPrimitives.ReadUInt64BigEndian(data.AsSpan(8 + (i * 8))))];
    }

    private static uint Generation(Initiator initiator) => BinaryPrimitives.ReadUInt32BigEndian(In(initiator, 0));

    // The key and type of the reservation, or (0, 0).
    private static (ulong Key, int Type) Reservation(Initiator initiator)
    {
        byte[] data = In(initiator, 1);
        return data.Length == 8 ? (0, 0) : (BinaryPrimitives.ReadUInt64BigEndian(data.AsSpan(8)), data[21]);
    }

    private static void Join(Initiator initiator, ulong key) => AssertGood(Out(initiator, RegisterAndIgnore, 0, key), 24);

    [Fact]
    public void Register_needs_the_present_key_and_counts_generations()
    {
        Initiator a = Guest;
        uint generation = Generation(a);
        AssertConflict(Out(a, Register, 5, 7));
        AssertGood(Out(a, Register, 0, 0), 24);
        AssertGood(Out(a, Register, 0, 7), 24);
        AssertConflict(Out(a, Register, 8, 9));
        AssertGood(Out(a, Register, 7, 9), 24);
        Assert.Equal([9ul], Keys(a));
        AssertGood(Out(a, RegisterAndIgnore, 1, 10), 24);
        AssertGood(Out(a, Register, 10, 0), 24);
        Assert.Empty(Keys(a));
        Assert.Equal(generation + 4, Generation(a));
    }

    [Theory]
    [InlineData(0x01)]
    [InlineData(0x04)]
    [InlineData(0x08)]
    public void Register_for_power_loss_or_for_others_is_refused(byte flags) =>
        AssertSense(Out(Guest, Register, 0, 7, flags: flags), 5, 0x26, 0);

    [Fact]
    public void Out_refuses_bad_lists_types_scopes_and_actions()
    {
        AssertSense(Guest.SendData("5F 00 00 00 00 00 00 00 17 00", new byte[24]), 5, 0x1A, 0);
        AssertSense(Guest.SendData("5F 00 00 00 00 00 00 00 18 00", new byte[23]), 5, 0x1A, 0);
        AssertSense(Guest.SendData("5F 00 00 00 00 01 00 00 18 00", new byte[24]), 5, 0x1A, 0);
        foreach (int type in new[] { 0, 2, 4, 9, 15, 0x11 }) AssertSense(Out(Guest, Reserve, 0, type: type), 5, 0x24, 0);
        AssertSense(Out(Guest, 7, 0), 5, 0x24, 0);
        for (int action = 4; action < 0x20; action++) AssertSense(Guest.Send($"5E {action:X2} 00 00 00 00 00 10 00 00", 4096), 5, 0x24, 0);
    }

    [Fact]
    public void Capabilities_offer_all_types_and_no_persistence()
    {
        Assert.Equal("00080080EA010000", Convert.ToHexString(In(Guest, 2)));
    }

    [Fact]
    public void Registrations_are_bounded()
    {
        for (ulong id = 1; id <= 64; id++) Join(id == 1 ? Guest : Join(id), id);
        AssertSense(Out(Join(65), RegisterAndIgnore, 0, 65), 5, 0x55, 4);
        Assert.Equal(64, Keys(Guest).Length);
        byte[] full = In(Guest, 3);
        Assert.Equal(8 + (64 * 48), full.Length);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(5)]
    [InlineData(6)]
    [InlineData(7)]
    [InlineData(8)]
    public void Reservation_of_each_type_admits_whom_the_table_says(int type)
    {
        Initiator holder = Guest;
        Initiator registrant = Join(2);
        Initiator stranger = Join(3);
        Join(holder, 0xA);
        Join(registrant, 0xB);
        AssertGood(Out(holder, Reserve, 0xA, type: type), 24);
        Assert.Equal((type >= 7 ? 0ul : 0xA, type), Reservation(stranger));

        bool readersAdmitted = type is 1 or 5 or 7;
        bool registrantsAdmitted = type >= 5;
        (string Cdb, bool Write)[] touching =
        [
            (Read, false), ("88 00 00 00 00 00 00 00 00 00 00 00 00 01 00 00", false), ("2F 00 00 00 00 00 00 00 01 00", false),
            ("34 00 00 00 00 00 00 00 01 00", false), ("1A 00 3F 00 04 00", false), ("9E 12 00 00 00 00 00 00 00 00 00 00 00 18 00 00", false),
            (WriteOne, true), ("35 00 00 00 00 00 00 00 00 00", true), ("42 00 00 00 00 00 00 00 00 00", true),
            ("93 01 00 00 00 00 00 00 00 00 00 00 00 01 00 00", true), ("15 10 00 00 00 00", true),
            ("89 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00", true), ("1B 00 00 00 00 00", true), ("1E 00 00 00 01 00", true),
        ];
        foreach ((string cdb, bool write) in touching)
        {
            Assert.Equal(ScsiStatus.Good, holder.Send(cdb, BytesOf(cdb), DirectionOf(write)).Status);
            ScsiStatus readers = readersAdmitted && !write ? ScsiStatus.Good : ScsiStatus.ReservationConflict;
            Assert.Equal(registrantsAdmitted ? ScsiStatus.Good : readers, registrant.Send(cdb, BytesOf(cdb), DirectionOf(write)).Status);
            Assert.Equal(readers, stranger.Send(cdb, BytesOf(cdb), DirectionOf(write)).Status);
        }

        string[] free =
        [
            TestUnitReady, "03 00 00 00 12 00", "12 00 00 00 24 00", "A0 00 00 00 00 00 00 00 10 00 00 00", "25 00 00 00 00 00 00 00 00 00",
            "9E 10 00 00 00 00 00 00 00 00 00 00 00 20 00 00", "A3 0C 00 00 00 00 00 00 10 00 00 00", "5E 00 00 00 00 00 00 10 00 00",
            "1B 00 00 00 01 00", "1E 00 00 00 00 00",
        ];
        foreach (string cdb in free) Assert.Equal(ScsiStatus.Good, stranger.Send(cdb, 4096).Status);
        AssertConflict(stranger.Send("16 00 00 00 00 00"));
        AssertConflict(stranger.Send("17 00 00 00 00 00"));
        AssertConflict(Out(stranger, Reserve, 0, type: type));
        if (type < 7) AssertConflict(Out(registrant, Reserve, 0xB, type: type));
        else AssertGood(Out(registrant, Reserve, 0xB, type: type), 24);
        AssertConflict(Out(holder, Reserve, 0xA, type: type == 1 ? 3 : 1));
        AssertGood(Out(holder, Reserve, 0xA, type: type), 24);
    }

    [Theory]
    [InlineData(1, false)]
    [InlineData(3, false)]
    [InlineData(5, true)]
    [InlineData(6, true)]
    [InlineData(7, true)]
    [InlineData(8, true)]
    public void Release_ends_the_reservation_and_tells_registrants_who_had_access(int type, bool tells)
    {
        Initiator holder = Guest;
        Initiator registrant = Join(2);
        Join(holder, 0xA);
        Join(registrant, 0xB);
        AssertGood(Out(holder, Release, 0xA, type: type), 24);
        AssertGood(Out(holder, Reserve, 0xA, type: type), 24);
        AssertSense(Out(holder, Release, 0xA, type: type == 1 ? 3 : 1), 5, 0x26, 4);
        AssertConflict(Out(holder, Release, 0xB, type: type));
        if (type < 7) AssertGood(Out(registrant, Release, 0xB, type: type), 24);
        Assert.NotEqual(0, Reservation(holder).Type);
        AssertGood(Out(holder, Release, 0xA, type: type), 24);
        Assert.Equal(0, Reservation(holder).Type);
        if (tells) AssertSense(registrant.Send(TestUnitReady), 6, 0x2A, 4);
        AssertGood(registrant.Send(TestUnitReady));
        AssertGood(holder.Send(TestUnitReady));
    }

    [Fact]
    public void Reservation_of_all_registrants_lasts_until_the_last_one_leaves()
    {
        Initiator a = Guest;
        Initiator b = Join(2);
        Join(a, 1);
        Join(b, 2);
        AssertGood(Out(a, Reserve, 1, type: 8), 24);
        AssertGood(Out(a, Register, 1, 0), 24);
        Assert.Equal(8, Reservation(a).Type);
        AssertConflict(a.Send(Read, 512));
        AssertGood(Out(b, Register, 2, 0), 24);
        Assert.Equal(0, Reservation(a).Type);
    }

    [Fact]
    public void Holder_that_unregisters_ends_the_reservation()
    {
        Initiator a = Guest;
        Initiator b = Join(2);
        Join(a, 1);
        Join(b, 2);
        AssertGood(Out(a, Reserve, 1, type: 6), 24);
        AssertGood(Out(a, Register, 1, 0), 24);
        Assert.Equal(0, Reservation(a).Type);
        AssertSense(b.Send(TestUnitReady), 6, 0x2A, 4);
    }

    [Fact]
    public void Clear_removes_everything_and_tells_the_others()
    {
        Initiator a = Guest;
        Initiator b = Join(2);
        Join(a, 1);
        Join(b, 2);
        AssertGood(Out(a, Reserve, 1, type: 3), 24);
        uint generation = Generation(a);
        AssertConflict(Out(b, Clear, 1));
        AssertGood(Out(b, Clear, 2), 24);
        Assert.Empty(Keys(b));
        Assert.Equal((0ul, 0), Reservation(b));
        Assert.Equal(generation + 1, Generation(b));
        AssertSense(a.Send(TestUnitReady), 6, 0x2A, 3);
        AssertGood(b.Send(TestUnitReady));
    }

    [Theory]
    [InlineData(Preempt)]
    [InlineData(PreemptAndAbort)]
    public void Preempt_of_the_holder_takes_the_reservation(int action)
    {
        Initiator a = Guest;
        Initiator b = Join(2);
        Initiator c = Join(3);
        Join(a, 1);
        Join(b, 2);
        Join(c, 3);
        AssertGood(Out(a, Reserve, 1, type: 5), 24);
        TestRequest request = Out(b, action, 2, 1, type: 3);
        RunTurns(a, b, c);
        AssertGood(request, 24);
        Assert.Equal([2ul, 3ul], Keys(b));
        Assert.Equal((2ul, 3), Reservation(b));
        AssertSense(a.Send(TestUnitReady), 6, 0x2A, 5);
        AssertSense(c.Send(TestUnitReady), 6, 0x2A, 4);
        AssertConflict(a.Send(Read, 512));
        AssertGood(b.Send(Read, 512), 512);
    }

    [Fact]
    public void Preempt_of_a_mere_registrant_removes_it()
    {
        Initiator a = Guest;
        Initiator b = Join(2);
        Join(a, 1);
        Join(b, 2);
        AssertGood(Out(a, Reserve, 1, type: 3), 24);
        AssertConflict(Out(a, Preempt, 1, 77, type: 3));
        AssertSense(Out(a, Preempt, 1, 0, type: 3), 5, 0x26, 0);
        AssertConflict(Out(a, Preempt, 9, 2, type: 3));
        AssertGood(Out(a, Preempt, 1, 2, type: 3), 24);
        Assert.Equal([1ul], Keys(a));
        Assert.Equal((1ul, 3), Reservation(a));
        AssertSense(b.Send(TestUnitReady), 6, 0x2A, 5);
    }

    [Fact]
    public void Preempt_with_key_0_takes_a_reservation_of_all_registrants()
    {
        Initiator a = Guest;
        Initiator b = Join(2);
        Join(a, 1);
        Join(b, 2);
        AssertGood(Out(a, Reserve, 1, type: 7), 24);
        AssertGood(Out(b, Preempt, 2, 0, type: 1), 24);
        Assert.Equal([2ul], Keys(b));
        Assert.Equal((2ul, 1), Reservation(b));
    }

    [Fact]
    public void Holder_may_preempt_itself_to_change_the_type()
    {
        Initiator a = Guest;
        Join(a, 1);
        AssertGood(Out(a, Reserve, 1, type: 1), 24);
        AssertGood(Out(a, Preempt, 1, 1, type: 6), 24);
        Assert.Equal((1ul, 6), Reservation(a));
        Assert.Equal([1ul], Keys(a));
    }

    [Fact]
    public void Preempt_and_abort_ends_after_the_commands_of_the_preempted()
    {
        Initiator a = Guest;
        Initiator b = Join(2);
        Join(a, 1);
        Join(b, 2);
        Disk.Late = true;
        TestRequest write = a.SendBeside(WriteOne, 512, ScsiDirection.Write);
        TestRequest preempt = Out(b, PreemptAndAbort, 2, 1, type: 3);
        RunTurns(a, b);
        Assert.False(preempt.IsComplete);
        Disk.CompleteAll();
        RunTurns(a, b);
        AssertGood(write, 512);
        AssertGood(preempt, 24);
    }

    [Fact]
    public void Full_status_names_initiators_and_holder()
    {
        Initiator a = Guest;
        Join(a, 0x0102030405060708);
        AssertGood(Out(a, Reserve, 0x0102030405060708, type: 3), 24);
        Assert.Equal(
            "00000001" + "00000030" + "0102030405060708" + "00000000" + "01" + "03" + "00000000" + "0001" + "00000018"
            + "06000000" + "0000000000000001" + "000000000000000000000000",
            Convert.ToHexString(In(a, 3)));
    }

    [Fact]
    public void Reserve_excludes_others_until_release_or_reset()
    {
        Initiator a = Guest;
        Initiator b = Join(2);
        AssertGood(b.Send(TestUnitReady));
        AssertGood(a.Send("16 00 00 00 00 00"));
        AssertGood(a.Send("56 00 00 00 00 00 00 00 00 00"));
        AssertConflict(b.Send("16 00 00 00 00 00"));
        AssertConflict(b.Send(TestUnitReady));
        AssertConflict(b.Send(Read, 512));
        AssertConflict(b.Send("5E 00 00 00 00 00 00 10 00 00", 4096));
        AssertGood(b.Send("12 00 00 00 24 00", 36), 36);
        AssertGood(b.Send("03 00 00 00 12 00", 18), 18);
        AssertGood(b.Send("17 00 00 00 00 00"));
        AssertConflict(b.Send(TestUnitReady));
        AssertGood(a.Send(Read, 512), 512);
        AssertGood(a.Send("57 00 00 00 00 00 00 00 00 00"));
        AssertGood(b.Send(TestUnitReady));
        AssertSense(a.Send("16 10 00 00 00 00"), 5, 0x24, 0);
        AssertGood(a.Send("16 00 00 00 00 00"));
        Target.Reset();
        AssertSense(b.Send(TestUnitReady), 6, 0x29, 2);
        AssertGood(b.Send(TestUnitReady));
    }

    private static ScsiDirection DirectionOf(bool write) => write ? ScsiDirection.Write : ScsiDirection.Read;

    private static int BytesOf(string cdb) => cdb is Read or WriteOne || cdb.StartsWith("88", StringComparison.Ordinal) ? 512 : 0;

    private static void RunTurns(params Initiator[] initiators)
    {
        for (int i = 0; i < 3; i++)
        {
            foreach (Initiator initiator in initiators) initiator.Turns.RunAll();
        }
    }
}
