using VmBus.Protocol.Integration;
using VmBus.TestKit.SpecTables;
using Xunit;
using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.Protocol.Tests.Integration;

/// <summary>Integration messages against whole messages, and what a hostile guest may answer: everything that is wrong is refused, and nothing throws.</summary>
public sealed class IntegrationWireTests
{
    [Fact]
    public void Negotiation_of_shutdown_is_the_vector()
    {
        IntegrationService service = IntegrationServices.Shutdown;
        var bytes = new byte[IntegrationHeader.Size + VersionNegotiation.RequestBytes(service)];
        VersionNegotiation.WriteRequest(bytes.AsSpan(IntegrationHeader.Size), service);
        new IntegrationHeader(default, IntegrationMessageType.Negotiate, default, bytes.Length - IntegrationHeader.Size, default, 0, (IntegrationFlags)3).Write(bytes);
        Assert.Equal(SpecVector.Load("integration-negotiate-shutdown"), bytes);
    }

    [Fact]
    public void Linux_answer_to_a_negotiation_is_read_past_its_left_overs()
    {
        byte[] bytes = SpecVector.Load("integration-negotiate-shutdown-answer");
        Assert.True(IntegrationHeader.TryRead(bytes, out IntegrationHeader header));
        Assert.Equal(32, header.BodyBytes);
        Assert.True(VersionNegotiation.TryReadAnswer(bytes.AsSpan(IntegrationHeader.Size), out IntegrationVersion? framework, out IntegrationVersion? version));
        Assert.Equal((new IntegrationVersion(3, 0), new IntegrationVersion(3, 2)), (framework!.Value, version!.Value));
    }

    [Theory]
    [InlineData(0, 0, true)]
    [InlineData(0, 1, true)]
    [InlineData(1, 0, true)]
    [InlineData(2, 1, false)]
    [InlineData(1, 2, false)]
    [InlineData(100, 100, false)]
    [InlineData(65535, 65535, false)]
    public void Counts_of_an_answer_other_than_one_are_no_version(ushort frameworks, ushort versions, bool isRead)
    {
        var body = new byte[32];
        WriteUInt16LittleEndian(body, frameworks);
        WriteUInt16LittleEndian(body.AsSpan(2), versions);
        Assert.Equal(isRead, VersionNegotiation.TryReadAnswer(body, out IntegrationVersion? framework, out IntegrationVersion? version));
        Assert.Null(framework);
        Assert.Null(version);
    }

    [Fact]
    public void Negotiation_answer_that_is_cut_anywhere_is_refused()
    {
        byte[] body = SpecVector.Load("integration-negotiate-shutdown-answer")[IntegrationHeader.Size..];
        for (int length = 0; length < 16; length++) Assert.False(VersionNegotiation.TryReadAnswer(body.AsSpan(0, length), out _, out _));
        Assert.True(VersionNegotiation.TryReadAnswer(body.AsSpan(0, 16), out _, out _));
    }

    [Fact]
    public void Header_that_is_cut_or_lies_about_its_length_is_refused()
    {
        var bytes = new byte[IntegrationHeader.Size + 8];
        new IntegrationHeader(default, IntegrationMessageType.Heartbeat, default, 8, default, 0, default).Write(bytes);
        Assert.True(IntegrationHeader.TryRead(bytes, out IntegrationHeader header));
        Assert.Equal(8, header.BodyBytes);
        for (int length = 0; length < bytes.Length; length++) Assert.False(IntegrationHeader.TryRead(bytes.AsSpan(0, length), out _));
        foreach (uint pipeBytes in new uint[] { 0, 19, 29, 0x7FFF_FFFF, 0xFFFF_FFF8, uint.MaxValue })
        {
            WriteUInt32LittleEndian(bytes.AsSpan(4), pipeBytes);
            Assert.False(IntegrationHeader.TryRead(bytes, out _));
        }

        new IntegrationHeader(default, IntegrationMessageType.Heartbeat, default, 8, default, 0, default).Write(bytes);
        bytes[0] = 2;
        Assert.False(IntegrationHeader.TryRead(bytes, out _));
    }

    [Fact]
    public void Heartbeat_is_the_vector()
    {
        byte[] vector = SpecVector.Load("integration-heartbeat-7");
        var bytes = new byte[vector.Length];
        new IntegrationHeader(new(3, 0), IntegrationMessageType.Heartbeat, new(3, 0), HeartbeatMessage.Size, default, 0, (IntegrationFlags)3).Write(bytes);
        new HeartbeatMessage(7, ApplicationState.Unknown).Write(bytes.AsSpan(IntegrationHeader.Size));
        Assert.Equal(vector, bytes);
    }

    [Theory]
    [InlineData(514u, 2u)]
    [InlineData(3u, 2u)]
    [InlineData(uint.MaxValue, 2u)]
    [InlineData(2u, 2049u)]
    [InlineData(2u, 3u)]
    [InlineData(2u, uint.MaxValue)]
    public void Value_with_a_count_that_cannot_be_is_refused(uint keyBytes, uint valueBytes)
    {
        var bytes = new byte[KvpValue.Size];
        new KvpValue("Key", "Wert").Write(bytes);
        WriteUInt32LittleEndian(bytes.AsSpan(4), keyBytes);
        WriteUInt32LittleEndian(bytes.AsSpan(8), valueBytes);
        Assert.False(KvpValue.TryRead(bytes, out _));
    }

    [Fact]
    public void Value_without_a_nul_is_read_to_the_end_of_its_count()
    {
        var bytes = new byte[KvpValue.Size];
        bytes.AsSpan(12).Fill((byte)'a');
        WriteUInt32LittleEndian(bytes, (uint)KvpValueType.Text);
        WriteUInt32LittleEndian(bytes.AsSpan(4), KvpValue.KeyFieldBytes);
        WriteUInt32LittleEndian(bytes.AsSpan(8), KvpValue.ValueFieldBytes);
        Assert.True(KvpValue.TryRead(bytes, out KvpValue value));
        Assert.Equal((256, 1024), (value.Key.Length, value.Text.Length));
        Assert.False(value.Fits);
    }

    [Theory]
    [InlineData(KvpValueType.UInt32, 4, "4027454196")]
    [InlineData(KvpValueType.UInt32, 2, null)]
    [InlineData(KvpValueType.UInt64, 8, "17298005914226135796")]
    [InlineData(KvpValueType.UInt64, 4, null)]
    [InlineData((KvpValueType)3, 4, null)]
    public void Numbers_are_shown_in_decimal(KvpValueType type, uint valueBytes, string? text)
    {
        var bytes = new byte[KvpValue.Size];
        WriteUInt32LittleEndian(bytes, (uint)type);
        WriteUInt32LittleEndian(bytes.AsSpan(8), valueBytes);
        WriteUInt64LittleEndian(bytes.AsSpan(524), 0xF00E_DCBA_F00E_12F4);
        Assert.Equal(text is not null, KvpValue.TryRead(bytes, out KvpValue value));
        Assert.Equal(text, value.Text);
    }

    [Theory]
    [InlineData(0, 65u)]
    [InlineData(1, 65u)]
    [InlineData(2, 6u)]
    [InlineData(3, 6u)]
    [InlineData(4, 65u)]
    [InlineData(5, uint.MaxValue)]
    public void Addresses_with_a_count_larger_than_their_list_are_refused(int counter, uint count)
    {
        var bytes = new byte[KvpAddresses.BinarySize];
        WriteUInt32LittleEndian(bytes.AsSpan(counter * 4), count);
        Assert.False(KvpAddresses.TryReadBinary(bytes, out _));
        WriteUInt32LittleEndian(bytes.AsSpan(counter * 4), counter is 2 or 3 ? 5u : 64u);
        Assert.True(KvpAddresses.TryReadBinary(bytes, out _));
        Assert.False(KvpAddresses.TryReadBinary(bytes.AsSpan(1), out _));
    }

    [Fact]
    public void Address_lists_of_any_text_are_read()
    {
        var bytes = new byte[KvpAddresses.TextSize];
        bytes.AsSpan().Fill((byte)';');
        Assert.True(KvpAddresses.TryReadText(bytes, out KvpAddresses read));
        Assert.Equal(1024, Assert.Single(read.Addresses).Length);
        Assert.False(KvpAddresses.TryReadText(bytes.AsSpan(1), out _));
    }

    [Fact]
    public void Key_and_value_that_fill_their_fields_fit()
    {
        Assert.True(new KvpValue(new string('k', 255), new string('v', 1023)).Fits);
        Assert.False(new KvpValue(new string('k', 256), "").Fits);
        Assert.False(new KvpValue("k", new string('v', 1024)).Fits);
        Assert.False(new KvpValue("k", "a\0b").Fits);
    }
}
