using System.Text;
using VmBus.Machine.Crash;
using VmBus.Memory.Guest;
using Xunit;

namespace VmBus.Machine.Tests.Crash;

/// <summary>The crash registers and the message a guest leaves, whatever it says about them.</summary>
public sealed class CrashRegistersTests : IDisposable
{
    private const uint Control = 0x4000_0105;

    private readonly GuestMemory _memory = GuestMemory.Create(64 << 10);
    private readonly CrashRegisters _registers;

    public CrashRegistersTests() => _registers = new CrashRegisters(_memory);

    public void Dispose() => _memory.Dispose();

    [Fact]
    public void Control_says_that_reports_and_messages_are_taken()
    {
        Assert.True(_registers.TryRead(Control, out ulong value));
        Assert.Equal(3ul << 62, value);
    }

    [Theory]
    [InlineData(0x4000_00FFu)]
    [InlineData(0x4000_0106u)]
    [InlineData(0u)]
    public void Other_registers_are_refused(uint index)
    {
        Assert.False(_registers.TryRead(index, out _));
        Assert.False(_registers.TryWrite(index, 1, out _));
    }

    [Fact]
    public void Control_without_notification_reports_nothing()
    {
        Assert.True(_registers.TryWrite(Control, 1UL << 62, out CrashReport? report));
        Assert.Null(report);
    }

    [Theory]
    [InlineData(0x1_0000ul, 16ul)]
    [InlineData(0xFFF8ul, 16ul)]
    [InlineData(0xFFFF_FFFF_FFFF_FFF0ul, 0xFFFF_FFFF_FFFF_FFFFul)]
    public void Message_outside_memory_is_empty(ulong address, ulong bytes) => Assert.Equal(string.Empty, Report(address, bytes).Message);

    [Fact]
    public void Message_is_cut_at_a_page_and_freed_of_control_characters()
    {
        byte[] text = Encoding.ASCII.GetBytes(new string('x', 5000));
        text[0] = 0x1B;
        text[1] = (byte)'\n';
        text[2] = 0x7F;
        Assert.True(_memory.TryWrite(new Gpa(0x1000), text));
        string message = Report(0x1000, ulong.MaxValue).Message;
        Assert.Equal("\n" + new string('x', 4093), message);
    }

    [Fact]
    public void Report_reads_as_text()
    {
        Assert.Equal("crash parameters 1 2 3 4 ff", new CrashReport(1, 2, 3, 4, 255, string.Empty).ToString());
        Assert.Equal("crash parameters 1 2 3 4 5\nKernel panic", new CrashReport(1, 2, 3, 4, 5, "Kernel panic\n").ToString());
    }

    private CrashReport Report(ulong address, ulong bytes)
    {
        _registers.TryWrite(Control - 2, address, out _);
        _registers.TryWrite(Control - 1, bytes, out _);
        Assert.True(_registers.TryWrite(Control, 3UL << 62, out CrashReport? report));
        return report!;
    }
}
