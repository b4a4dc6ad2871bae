using VmBus.Protocol.Storage;
using VmBus.Providers.Storage;
using VmBus.TestKit.SpecTables;
using Xunit;

namespace VmBus.Providers.Tests.Storage;

/// <summary>The handshake: every request in every state, as the page's table says; versions, sizes and limits.</summary>
public sealed class StorageHandshakeTests
{
    private static readonly string[] Phases = ["Created", "Begun", "Negotiated", "Ready"];

    public static TheoryData<string, string, string> States()
    {
        SpecTable table = SpecPage.Load("storage.md").Table("states");
        var data = new TheoryData<string, string, string>();
        for (int row = 0; row < table.RowCount; row++)
        {
            foreach (string phase in Phases) data.Add(table.Cell(row, "request"), phase, table.Cell(row, phase));
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(States))]
    public void Request_in_a_state_is_answered_as_the_page_says(string request, string phase, string expected)
    {
        using var guest = new StorageGuest();
        string[] way = ["BeginInitialization", "QueryProtocolVersion, known", "EndInitialization"];
        foreach (string step in way.Take(Array.IndexOf(Phases, phase))) Assert.Equal(StorageStatus.Success, Ask(guest, step));
        Assert.Equal(phase, PhaseOf(guest));

        StorageStatus status = Ask(guest, request);

        if (Enum.TryParse(expected, out StorageStatus refused))
        {
            Assert.Equal(refused, status);
            Assert.Equal(phase, PhaseOf(guest));
        }
        else
        {
            Assert.Equal(StorageStatus.Success, status);
            Assert.Equal(expected is "–" ? phase : expected, PhaseOf(guest));
        }
    }

    [Theory]
    [InlineData(0x0200, true)]
    [InlineData(0x0402, true)]
    [InlineData(0x0501, true)]
    [InlineData(0x0600, true)]
    [InlineData(0x0602, true)]
    [InlineData(0x0000, false)]
    [InlineData(0x0100, false)]
    [InlineData(0x0500, false)]
    [InlineData(0x0601, false)]
    [InlineData(0x0603, false)]
    [InlineData(0x0206, false)]
    [InlineData(0xFFFF, false)]
    public void Version_is_agreed_only_when_it_exists(ushort version, bool agreed)
    {
        using var guest = new StorageGuest();
        guest.Ask(VstorOperation.BeginInitialization);

        StorageStatus status = guest.Ask(VstorOperation.QueryProtocolVersion, version);

        Assert.Equal(agreed ? StorageStatus.Success : StorageStatus.RevisionMismatch, status);
    }

    [Fact]
    public void Refused_versions_do_not_end_the_search()
    {
        using var guest = new StorageGuest();
        guest.Ask(VstorOperation.BeginInitialization);
        Assert.Equal(StorageStatus.RevisionMismatch, guest.Ask(VstorOperation.QueryProtocolVersion, 0x0700));
        Assert.Equal(StorageStatus.RevisionMismatch, guest.Ask(VstorOperation.QueryProtocolVersion, 0x0603));

        Assert.Equal(StorageStatus.Success, guest.Ask(VstorOperation.QueryProtocolVersion, 0x0600));
    }

    [Theory]
    [InlineData(48, 48)]
    [InlineData(56, 56)]
    [InlineData(64, 64)]
    [InlineData(72, 64)] // More than a guest can take back.
    [InlineData(4096, 64)]
    [InlineData(40, 48)] // Less than a packet.
    [InlineData(0, 48)]
    public void Answer_has_the_size_of_its_request_within_what_guests_take(int requestBytes, int answerBytes)
    {
        using var guest = new StorageGuest();
        byte[] packet = new byte[requestBytes];
        if (requestBytes > 0) packet[0] = (byte)VstorOperation.BeginInitialization;

        StorageGuest.Send(guest.Endpoint, packet, StorageGuest.HandshakeId);

        (StorageStatus status, _, byte[] payload) = StorageGuest.Answer(guest.Channel, StorageGuest.HandshakeId);
        Assert.Equal(answerBytes, payload.Length);
        Assert.Equal(requestBytes >= 48 ? StorageStatus.Success : StorageStatus.InvalidParameter, status);
    }

    [Fact]
    public void Golden_48_byte_begin_of_older_guests_is_answered_in_kind()
    {
        using var guest = new StorageGuest();
        byte[] vector = SpecVector.Load("storage-begin-initialization-short");

        StorageGuest.Send(guest.Endpoint, vector.AsSpan(16), StorageGuest.HandshakeId);

        (StorageStatus status, _, byte[] payload) = StorageGuest.Answer(guest.Channel, StorageGuest.HandshakeId);
        Assert.Equal(StorageStatus.Success, status);
        Assert.Equal(48, payload.Length);
    }

    [Theory]
    [InlineData(VstorVersion.Win10, 3, 3, 1u)]
    [InlineData(VstorVersion.Win8, 3, 3, 1u)]
    [InlineData(VstorVersion.Win10, 0, 0, 0u)]
    [InlineData(VstorVersion.Win7, 3, 0, 0u)] // Older guests know no sub-channels.
    [InlineData(VstorVersion.Win6, 3, 0, 0u)]
    public void Properties_tell_the_limits(VstorVersion version, int allowed, int told, uint flags)
    {
        using var guest = new StorageGuest(new StorageOptions { MaximumSubchannels = allowed, MaximumTransferBytes = 1 << 20 });
        guest.Ask(VstorOperation.BeginInitialization);
        guest.Ask(VstorOperation.QueryProtocolVersion, (ushort)version);
        StorageGuest.Send(guest.Endpoint, StorageGuest.Packet(VstorOperation.QueryProperties), StorageGuest.HandshakeId);

        (_, _, byte[] payload) = StorageGuest.Answer(guest.Channel, StorageGuest.HandshakeId);

        Assert.True(StorageProperties.TryRead(payload.AsSpan(VstorHeader.Size), out StorageProperties properties));
        Assert.Equal(new StorageProperties((ushort)told, flags, 1 << 20), properties);
    }

    [Theory]
    [InlineData(1, 0)]
    [InlineData(2, 1)]
    [InlineData(64, 63)]
    [InlineData(240, 63)]
    public void Default_limits_are_a_channel_for_each_processor(int processors, int subchannels)
    {
        var options = StorageOptions.ForProcessors(processors);

        Assert.Equal((subchannels, 2 << 20), (options.MaximumSubchannels, options.MaximumTransferBytes));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(4095)]
    [InlineData(4097)]
    [InlineData((2 << 20) + 4096)]
    public void Transfer_limit_that_guests_cannot_use_is_refused(int bytes)
        => Assert.Throws<ArgumentOutOfRangeException>(() => new StorageOptions { MaximumTransferBytes = bytes });

    [Fact]
    public void Subchannels_are_offered_after_they_were_asked_for()
    {
        using var guest = StorageGuest.Ready(new StorageOptions { MaximumSubchannels = 3 });

        Assert.Equal(StorageStatus.Success, guest.Ask(VstorOperation.CreateSubchannels, 3));

        Assert.Equal(3, guest.Channel.OfferedSubchannels);
    }

    [Fact]
    public void More_subchannels_than_announced_are_refused()
    {
        using var guest = StorageGuest.Ready(new StorageOptions { MaximumSubchannels = 3 });

        Assert.Equal(StorageStatus.InvalidParameter, guest.Ask(VstorOperation.CreateSubchannels, 4));

        Assert.Null(guest.Channel.OfferedSubchannels);
    }

    [Fact]
    public void Subchannels_are_refused_before_version_5_1()
    {
        using var guest = StorageGuest.Ready(new StorageOptions { MaximumSubchannels = 3 }, VstorVersion.Win7);

        Assert.Equal(StorageStatus.InvalidDeviceRequest, guest.Ask(VstorOperation.CreateSubchannels, 1));
    }

    [Fact]
    public void Handshake_that_begins_again_starts_over_while_commands_still_run()
    {
        using var guest = StorageGuest.Ready();
        guest.SendRead(7);

        guest.Handshake(VstorVersion.Win8);
        guest.Channel.EndOldest();

        Assert.Equal(SrbStatus.Success, StorageGuest.Answer(guest.Channel, 7).Block.SrbStatus);
        guest.SendRead(8);
        Assert.Single(guest.Channel.Running);
        guest.Channel.EndOldest();
    }

    [Fact]
    public void Subchannel_without_a_primary_is_refused()
    {
        using var guest = new StorageGuest();
        guest.Endpoint.Close();

        Assert.Null(guest.Provider.Open(new ScriptedChannel(99, guest.Memory), primary: false));
    }

    [Fact]
    public void Unknown_operations_are_answered_and_change_nothing()
    {
        using var guest = StorageGuest.Ready();

        foreach (uint operation in (uint[])[0, 1, 2, 11, 12, 14, 15, 255, 0x80000003, uint.MaxValue])
            Assert.Equal(StorageStatus.InvalidDeviceRequest, guest.Ask((VstorOperation)operation));

        Assert.Equal("Ready", PhaseOf(guest));
    }

    private static StorageStatus Ask(StorageGuest guest, string request)
    {
        string[] parts = request.Split(", ");
        VstorOperation operation = Enum.Parse<VstorOperation>(parts[0]);
        ushort argument = parts is [_, "known"] ? (ushort)VstorVersion.Win10 : parts is [_, "unknown"] ? (ushort)0x7777 : (ushort)0;
        guest.Channel.OnExecute ??= static _ => { };
        byte[] packet = operation == VstorOperation.ExecuteSrb ? StorageGuest.Command(0x00) : StorageGuest.Packet(operation, argument);
        StorageGuest.Send(guest.Endpoint, packet, StorageGuest.HandshakeId);
        guest.Channel.RunPosted();
        return StorageGuest.Answer(guest.Channel, StorageGuest.HandshakeId).Status;
    }

    // What a guest can see of the state, by requests that do not change it.
    private static string PhaseOf(StorageGuest guest)
    {
        if (Ask(guest, "ExecuteSrb") == StorageStatus.Success) return "Ready";
        if (Ask(guest, "QueryProperties") == StorageStatus.Success) return "Negotiated";
        return Ask(guest, "QueryProtocolVersion, unknown") == StorageStatus.RevisionMismatch ? "Begun" : "Created";
    }
}
