using VmBus.Protocol.Exec;
using VmBus.TestKit.SpecTables;
using Xunit;

namespace VmBus.Protocol.Tests.Exec;

/// <summary>Holds the code against the tables of protocol-spec/exec.md.</summary>
public sealed class ExecPageTests
{
    private static readonly SpecPage Page = SpecPage.Load("exec.md");

    [Fact]
    public void Numbers_are_those_of_the_page()
    {
        Assert.Empty(Page.Numbers("frames-for-the-guest").DifferencesFrom<GuestBoundFrame>());
        Assert.Empty(Page.Numbers("frames-for-the-host").DifferencesFrom<HostBoundFrame>());
        Assert.Empty(Page.Numbers("request-flags").DifferencesFrom<ExecRequestFlags>());
        Assert.Empty(Page.Numbers("signals").DifferencesFrom<ExecSignal>());
        Assert.Empty(Page.Numbers("errors").DifferencesFrom<ExecErrorCode>());
        SpecNumbers limits = Page.Numbers("limits");
        Assert.Equal((ulong)ExecProtocol.Port, limits["Port"]);
        Assert.Equal((ulong)ExecProtocol.Version, limits["Version"]);
        Assert.Equal((ulong)ExecProtocol.MaximumPayloadBytes, limits["MaximumPayloadBytes"]);
        Assert.Equal((ulong)ExecProtocol.InputWindowBytes, limits["InputWindowBytes"]);
        Assert.Equal((ulong)ExecProtocol.MaximumTextBytes, limits["MaximumTextBytes"]);
        Assert.Equal((ulong)ExecProtocol.HighestSignal, limits["HighestSignal"]);
    }

    [Fact]
    public void Frame_header_is_written_and_read_as_the_page_has_it()
    {
        SpecLayout layout = Page.Layout("frame");
        byte[] bytes = Filled(ExecFrameHeader.Size);
        new ExecFrameHeader(0x1234, 0xAB).Write(bytes);
        Assert.Equal(ExecFrameHeader.Size, layout.Offset("payload"));
        Assert.Equal((0x1234ul, 0xABul, 0ul), (layout.Read(bytes, "payload bytes"), layout.Read(bytes, "type"), layout.Read(bytes, "reserved")));
        Assert.True(ExecFrameHeader.TryRead(bytes, out ExecFrameHeader header));
        Assert.Equal(new ExecFrameHeader(0x1234, 0xAB), header);
    }

    [Fact]
    public void Request_is_written_as_the_page_has_it()
    {
        SpecLayout layout = Page.Layout("request");
        byte[] bytes = new byte[200];
        int count = Sample().TryWrite(bytes);
        Assert.Equal(ExecRequest.FixedBytes, layout.Offset("strings"));
        Assert.Equal(1ul, layout.Read(bytes, "version"));
        Assert.Equal(3ul, layout.Read(bytes, "flags"));
        Assert.Equal(0x0102ul, layout.Read(bytes, "rows"));
        Assert.Equal(0x0304ul, layout.Read(bytes, "columns"));
        Assert.Equal(3ul, layout.Read(bytes, "argument count"));
        Assert.Equal(2ul, layout.Read(bytes, "variable count"));
        Assert.Equal("\u0001\0u\u0002\0/f\u0002\0sh\0\0\u0002\0Ã¼\u0003\0A=b\u0002\0C=", string.Concat(bytes[12..count].Select(static b => (char)b)));
    }

    [Fact]
    public void Small_payloads_are_written_and_read_as_the_page_has_them()
    {
        byte[] bytes = Filled(ExecWindowSize.Size);
        new ExecWindowSize(0x0102, 0x0304).Write(bytes);
        SpecLayout layout = Page.Layout("windowsize");
        Assert.Equal((layout.Bytes, 0x0102ul, 0x0304ul), (ExecWindowSize.Size, layout.Read(bytes, "rows"), layout.Read(bytes, "columns")));
        Assert.True(ExecWindowSize.TryRead(bytes, out ExecWindowSize size));
        Assert.Equal(new ExecWindowSize(0x0102, 0x0304), size);

        bytes = Filled(ExecStarted.Size);
        new ExecStarted(0x0102, 0x03040506).Write(bytes);
        layout = Page.Layout("started");
        Assert.Equal(
            (layout.Bytes, 0x0102ul, 0ul, 0x03040506ul), (ExecStarted.Size, layout.Read(bytes, "version"), layout.Read(bytes, "reserved"), layout.Read(bytes, "process id")));
        Assert.True(ExecStarted.TryRead(bytes, out ExecStarted started));
        Assert.Equal(new ExecStarted(0x0102, 0x03040506), started);

        bytes = Filled(ExecSignalRequest.Size);
        new ExecSignalRequest(ExecSignal.Terminate).Write(bytes);
        Assert.Equal((Page.Layout("signal").Bytes, 15ul), (ExecSignalRequest.Size, Page.Layout("signal").Read(bytes, "signal")));

        bytes = Filled(ExecInputTaken.Size);
        new ExecInputTaken(0x10203).Write(bytes);
        Assert.Equal((Page.Layout("inputtaken").Bytes, 0x10203ul), (ExecInputTaken.Size, Page.Layout("inputtaken").Read(bytes, "bytes")));

        bytes = Filled(ExecExited.Size);
        new ExecExited(200).Write(bytes);
        Assert.Equal((Page.Layout("exited").Bytes, 200ul), (ExecExited.Size, Page.Layout("exited").Read(bytes, "status")));

        bytes = Filled(ExecKilled.Size);
        new ExecKilled(34).Write(bytes);
        Assert.Equal((Page.Layout("killed").Bytes, 34ul), (ExecKilled.Size, Page.Layout("killed").Read(bytes, "signal")));

        bytes = Filled(ExecError.MaximumBytes);
        int count = new ExecError(ExecErrorCode.NotFound, "ü").Write(bytes);
        Assert.Equal((ulong)ExecErrorCode.NotFound, Page.Layout("error").Read(bytes, "code"));
        Assert.Equal((Page.Layout("error").Offset("text"), 4), (ExecError.FixedBytes, count));
        Assert.True(ExecError.TryRead(bytes.AsSpan(0, count), out ExecError error));
        Assert.Equal(new ExecError(ExecErrorCode.NotFound, "ü"), error);
    }

    internal static ExecRequest Sample() => new()
    {
        Flags = ExecRequestFlags.Terminal | ExecRequestFlags.Input,
        Window = new ExecWindowSize(0x0102, 0x0304),
        User = "u",
        Folder = "/f",
        Arguments = ["sh", "", "ü"],
        Variables = ["A=b", "C="],
    };

    private static byte[] Filled(int bytes)
    {
        var filled = new byte[bytes];
        filled.AsSpan().Fill(0xEE);
        return filled;
    }
}
