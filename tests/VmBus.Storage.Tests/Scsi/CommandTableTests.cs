using VmBus.Native.Linux;
using VmBus.Storage.Scsi;
using VmBus.Storage.Scsi.Commands;
using VmBus.Storage.Scsi.Units;
using VmBus.TestKit.SpecTables;
using Xunit;

namespace VmBus.Storage.Tests.Scsi;

/// <summary>The command table and the page that describes it say the same.</summary>
public sealed class CommandTableTests : ScsiFixture
{
    private static readonly SpecPage Page = SpecPage.Load("scsi.md");

    [Theory]
    [InlineData(ScsiUnitKind.Disk, "disk-commands")]
    [InlineData(ScsiUnitKind.Dvd, "dvd-commands")]
    public void Table_matches_the_page(ScsiUnitKind kind, string anchor)
    {
        SpecTable table = Page.Table(anchor);
        IEnumerable<string> page = Enumerable.Range(0, table.RowCount).Select(row => string.Join(
            " | ", new[] { "opcode", "action", "name", "bytes", "access", "needs" }.Select(column => table.Cell(row, column))));
        IEnumerable<string> code = CommandTable.Of(kind).Commands.Select(command =>
            $"0x{command.Opcode:X2} | {(command.ServiceAction is { } action ? $"0x{action:X2}" : "-")} | {command.Name} | {command.CdbBytes} | "
            + $"{command.Access.ToString().ToLowerInvariant()} | {Describe(command.Needs)}");
        Assert.Equal(page, code);
    }

    [Theory]
    [InlineData(ScsiUnitKind.Disk)]
    [InlineData(ScsiUnitKind.Dvd)]
    public void Usage_names_the_command_and_has_the_length_of_its_group(ScsiUnitKind kind)
    {
        foreach (ScsiCommand command in CommandTable.Of(kind).Commands)
        {
            int expected = (command.Opcode >> 5) switch
            {
                0 => 6,
                4 => 16,
                5 => 12,
                _ => 10,
            };
            Assert.Equal(command.Opcode, command.Usage[0]);
            Assert.Equal(expected, command.CdbBytes);
        }
    }

    [Fact]
    public void Attentions_match_the_page()
    {
        SpecTable table = Page.Table("unit-attentions");
        Assert.Equal(Enum.GetValues<UnitAttention>().Length - 1, table.RowCount);
        for (int row = 0; row < table.RowCount; row++)
        {
            UnitAttention attention = Enum.Parse<UnitAttention>(table.Cell(row, "name"));
            Assert.Equal(table.Number(row, "value"), (ulong)attention);
            Assert.Equal(table.Cell(row, "sense"), Text(attention.ToSense()));
        }
    }

    [Fact]
    public void Errors_match_the_page()
    {
        SpecTable table = Page.Table("sense");
        for (int row = 0; row < table.RowCount; row++)
        {
            int errno = (int)typeof(Errno).GetField(table.Cell(row, "errno"))!.GetRawConstantValue()!;
            Assert.Equal(table.Cell(row, "reading"), Text(SenseCode.FromErrno(-errno, writing: false)));
            Assert.Equal(table.Cell(row, "writing"), Text(SenseCode.FromErrno(-errno, writing: true)));
        }
    }

    [Theory]
    [InlineData(ScsiUnitKind.Disk, "disk")]
    [InlineData(ScsiUnitKind.Dvd, "dvd")]
    public void Pages_match_the_page(ScsiUnitKind kind, string unit)
    {
        Use(new TestKit.Disks.FakeDisk(sectorBytes: kind == ScsiUnitKind.Dvd ? 2048 : 512), kind);
        Guest.Send("12 01 00 00 FF 00", 255);
        Assert.Equal(CodesOf("vpd", unit), Guest.Reply()[4..]);
        Guest.Send("1A 00 3F 00 FF 00", 255);
        var modes = new List<byte>();
        for (ReadOnlySpan<byte> rest = Guest.Reply().AsSpan(4); rest.Length > 0; rest = rest[(rest[1] + 2)..]) modes.Add(rest[0]);
        Assert.Equal(CodesOf("mode-pages", unit), modes);
    }

    [Fact]
    public void Supported_opcodes_are_the_table()
    {
        AssertGood(Guest.Send("A3 0C 00 00 00 00 00 00 20 00 00 00", 8192), 4 + (8 * DiskCommands.All.Count));
        byte[] all = Guest.Reply();
        for (int i = 0; i < DiskCommands.All.Count; i++)
        {
            ScsiCommand command = DiskCommands.All[i];
            byte[] descriptor = all[(4 + (i * 8))..(12 + (i * 8))];
            Assert.Equal((command.Opcode, command.ServiceAction ?? 0, command.CdbBytes), (descriptor[0], descriptor[3], descriptor[7]));
            bool hasActions = command.ServiceAction is not null;
            Assert.Equal(hasActions ? 1 : 0, descriptor[5]);
            string tail = $"{command.Opcode:X2} 00 {command.ServiceAction ?? 0:X2} 00 00 02 00 00 00";
            AssertGood(Guest.Send($"A3 0C {(hasActions ? 2 : 1):X2} {tail}", 512), 4 + command.CdbBytes);
            Assert.Equal((3, command.Opcode), (Guest.Reply()[1], Guest.Reply()[4]));
            AssertSense(Guest.Send($"A3 0C {(hasActions ? 1 : 2):X2} {tail}", 512), 5, 0x24, 0);
            AssertGood(Guest.Send($"A3 0C 83 {tail}", 512), 4 + command.CdbBytes + 12);
            Assert.Equal(0x83, Guest.Reply()[1]);
        }

        AssertGood(Guest.Send("A3 0C 80 00 00 00 00 00 20 00 00 00", 8192), 4 + (20 * DiskCommands.All.Count));
        AssertGood(Guest.Send("A3 0C 03 FF 00 00 00 00 02 00 00 00", 512), 4);
        Assert.Equal(1, Guest.Reply()[1]);
        AssertSense(Guest.Send("A3 0C 04 00 00 00 00 00 02 00 00 00", 512), 5, 0x24, 0);
    }

    private static List<byte> CodesOf(string anchor, string unit)
    {
        SpecTable table = Page.Table(anchor);
        return [.. Enumerable.Range(0, table.RowCount).Where(row => table.Cell(row, "units").Contains(unit, StringComparison.Ordinal))
            .Select(row => (byte)table.Number(row, "page"))];
    }

    private static string Describe(CommandNeeds needs) => needs switch
    {
        CommandNeeds.None => "-",
        CommandNeeds.Medium => "medium",
        CommandNeeds.Medium | CommandNeeds.WritableMedium => "medium, writable",
        CommandNeeds.IgnoresAttention => "no attention",
        _ => needs.ToString(),
    };

    private static string Text(SenseCode sense) => $"{sense.Key:X}/{sense.Code:X2}/{sense.Qualifier:X2}";
}
