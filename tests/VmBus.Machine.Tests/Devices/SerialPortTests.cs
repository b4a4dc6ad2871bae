using VmBus.Machine.Devices;
using Xunit;

namespace VmBus.Machine.Tests.Devices;

public sealed class SerialPortTests : IDisposable
{
    private const ushort Port = 0x3F8;
    private const ushort InterruptEnable = Port + 1;
    private const ushort InterruptId = Port + 2;
    private const ushort FifoControl = Port + 2;
    private const ushort LineControl = Port + 3;
    private const ushort ModemControl = Port + 4;
    private const ushort LineStatus = Port + 5;
    private const ushort ModemStatus = Port + 6;
    private const ushort Scratch = Port + 7;
    private const int NoInterrupt = 1;

    private readonly RecordingLine _line = new();
    private readonly CollectingSink _sink = new();
    private readonly SerialPort _port;

    public SerialPortTests() => _port = new SerialPort(Port, _line, _sink);

    public void Dispose()
    {
        _sink.LetGo();
        _port.Dispose();
        _sink.Dispose();
    }

    [Fact]
    public void Registers_after_reset_are_those_of_an_idle_port()
    {
        Assert.Equal(0u, In(InterruptEnable));
        Assert.Equal(1u, In(InterruptId));
        Assert.Equal(0x60u, In(LineStatus));
        Assert.Equal(0xB0u, In(ModemStatus));
    }

    // What Linux' autoconfig does to tell a port from nothing and a 16550A from its cousins.
    [Fact]
    public void Probing_finds_a_16550A()
    {
        Out(InterruptEnable, 0);
        Assert.Equal(0u, In(InterruptEnable) & 0x0F);
        Out(InterruptEnable, 0x0F);
        Assert.Equal(0x0Fu, In(InterruptEnable));
        Out(InterruptEnable, 0x4F);
        Assert.Equal(0x0Fu, In(InterruptEnable));
        Out(InterruptEnable, 0);

        Out(ModemControl, 0x10 | 0x0A);
        Assert.Equal(0x90u, In(ModemStatus) & 0xF0);
        Out(ModemControl, 0);

        Out(FifoControl, 1);
        Assert.Equal(3u, In(InterruptId) >> 6);
        Out(LineControl, 0x80);
        Assert.NotEqual(0u, In(FifoControl));
        Out(LineControl, 0xBF);
        Assert.NotEqual(0u, In(FifoControl));
        Out(LineControl, 0xE0);
        uint first = In(FifoControl);
        Out(LineControl, 0);
        Out(ModemControl, 0x10);
        Out(LineControl, 0xE0);
        Assert.Equal(first, In(FifoControl));

        Out(LineControl, 0);
        Out(Scratch, 0xA5);
        Assert.Equal(0xA5u, In(Scratch));
    }

    [Fact]
    public void Divisor_latch_hides_data_and_interrupt_enable()
    {
        Out(InterruptEnable, 5);
        Out(LineControl, 0x83);
        Out(Port, 0x34);
        Out(InterruptEnable, 0x12);
        Assert.Equal(0x34u, In(Port));
        Assert.Equal(0x12u, In(InterruptEnable));
        Out(LineControl, 3);
        Assert.Equal(5u, In(InterruptEnable));
    }

    [Fact]
    public void Transmitted_bytes_reach_the_sink_in_order()
    {
        foreach (char letter in "Linux version") Out(Port, letter);
        Assert.Equal("Linux version", _sink.WaitForText(13));
    }

    [Fact]
    public void Transmit_interrupt_comes_at_once_when_enabled_and_goes_when_identified()
    {
        Out(InterruptEnable, 2);
        Assert.Equal(1, _line.Pulses);
        Assert.Equal(2u, In(InterruptId));
        Assert.Equal(1u, In(InterruptId));

        Out(InterruptEnable, 0);
        Out(InterruptEnable, 2);
        Assert.Equal(2, _line.Pulses);
        Assert.Equal(2u, In(InterruptId));
    }

    [Fact]
    public void Transmit_interrupt_comes_again_after_each_batch_of_writes()
    {
        Out(InterruptEnable, 2);
        _ = In(InterruptId);
        for (int i = 0; i < 16; i++) Out(Port, 'x');
        Assert.Equal(2, _line.Pulses);
        Assert.Equal(2u, In(InterruptId));
        Assert.Equal(1u, In(InterruptId));
    }

    [Fact]
    public void Received_byte_raises_one_edge_and_is_read_once()
    {
        Out(ModemControl, 0x0B);
        Out(InterruptEnable, 1);
        Assert.Equal(1, _port.Receive("a"u8));
        Assert.Equal(1, _line.Pulses);
        Assert.Equal(0x04u, In(InterruptId));
        Assert.Equal(0x61u, In(LineStatus));
        Assert.Equal('a', (char)In(Port));
        Assert.Equal(0x60u, In(LineStatus));
        Assert.Equal(1u, In(InterruptId));
    }

    [Fact]
    public void Receive_below_the_trigger_level_is_a_timeout_interrupt()
    {
        Out(FifoControl, 0x81);
        Out(ModemControl, 0x0B);
        Out(InterruptEnable, 1);
        _port.Receive("abcdefg"u8);
        Assert.Equal(0xCCu, In(InterruptId));
        _port.Receive("h"u8);
        Assert.Equal(0xC4u, In(InterruptId));
    }

    [Fact]
    public void Input_waits_for_RTS_and_survives_clearing_the_FIFOs()
    {
        _port.Receive("early"u8);
        Assert.Equal(0x60u, In(LineStatus));
        Out(FifoControl, 0x07);
        Out(ModemControl, 0x03);
        string text = string.Empty;
        while ((In(LineStatus) & 1) != 0) text += (char)In(Port);
        Assert.Equal("early", text);
    }

    [Fact]
    public void Input_beyond_the_queue_is_left_to_the_caller_and_none_is_lost()
    {
        byte[] input = new byte[10_000];
        for (int i = 0; i < input.Length; i++) input[i] = (byte)(i * 7);
        Out(FifoControl, 1);
        Out(ModemControl, 0x03);
        var writer = new Thread(() =>
        {
            ReadOnlySpan<byte> rest = input;
            while (true)
            {
                rest = rest[_port.Receive(rest)..];
                if (rest.IsEmpty) return;
                _port.WaitForReceiveRoom(CancellationToken.None);
            }
        });
        writer.Start();
        var seen = new List<byte>();
        while (seen.Count < input.Length)
        {
            if ((In(LineStatus) & 1) != 0) seen.Add((byte)In(Port));
            else Thread.Yield();
        }

        writer.Join();
        Assert.Equal(input, seen);
    }

    [Fact]
    public void WaitForReceiveRoom_ends_when_cancelled()
    {
        Assert.Equal(4096, _port.Receive(new byte[5000]));
        using var cancellation = new CancellationTokenSource();
        cancellation.Cancel();
        Assert.Throws<OperationCanceledException>(() => _port.WaitForReceiveRoom(cancellation.Token));
    }

    [Fact]
    public void Loopback_returns_bytes_reports_overrun_and_sends_nothing()
    {
        Out(ModemControl, 0x10);
        Out(InterruptEnable, 4);
        Out(Port, 0x55);
        Assert.Equal(0, _line.Pulses);
        Out(Port, 0x66);
        Assert.Equal(1, _line.Pulses);
        Assert.Equal(6u, In(InterruptId));
        Assert.Equal(0x63u, In(LineStatus));
        Assert.Equal(0x61u, In(LineStatus));
        Assert.Equal(0x55u, In(Port));
        Out(ModemControl, 0);
        Out(Port, 'z');
        Assert.Equal("z", _sink.WaitForText(1));
    }

    [Fact]
    public void Modem_lines_report_changes_once()
    {
        Out(InterruptEnable, 8);
        Out(ModemControl, 0x10);
        Assert.Equal(1, _line.Pulses);
        Assert.Equal(0u, In(InterruptId));
        Assert.Equal(0x0Bu, In(ModemStatus));
        Assert.Equal(0x00u, In(ModemStatus));
        Assert.Equal(1u, In(InterruptId));
    }

    [Fact]
    public void Slow_sink_makes_the_transmitter_busy_then_interrupts_and_loses_nothing()
    {
        _sink.HoldBack();
        Out(InterruptEnable, 2);
        _ = In(InterruptId);
        int sent = 0;
        while ((In(LineStatus) & 0x20) != 0)
        {
            Out(Port, (byte)sent++);
            _ = In(InterruptId);
            Assert.InRange(sent, 0, 200_000);
        }

        int pulses = _line.Pulses;
        for (int i = 0; i < 1000; i++) Out(Port, (byte)sent++);
        Assert.Equal(pulses, _line.Pulses);
        Assert.Equal(0u, In(LineStatus) & 0x60);

        _sink.LetGo();
        byte[] received = _sink.WaitFor(sent);
        Assert.Equal(Enumerable.Range(0, sent).Select(i => (byte)i), received);
        Assert.Equal(pulses + 1, _line.Pulses);
        Assert.Equal(2u, In(InterruptId));
        Assert.Equal(0, _port.DroppedBytes);
    }

    [Fact]
    public void Guest_that_ignores_a_busy_transmitter_cannot_grow_the_queue_without_bound()
    {
        _sink.HoldBack();
        const int sent = 1_200_000;
        for (int i = 0; i < sent; i++) Out(Port, 'x');
        Assert.InRange(_port.DroppedBytes, sent - (1024 * 1024) - 4096, sent - (1024 * 1024));
    }

    [Fact]
    public void Sink_that_is_gone_leaves_the_transmitter_ready()
    {
        using var sink = new CollectingSink { Fails = true };
        using var port = new SerialPort(Port, _line, sink);
        int sent = 0;
        while (port.DroppedBytes == 0 && sent < 1_000_000)
        {
            port.Write(Port, 1, 'x');
            sent++;
            Thread.Yield();
        }

        Assert.InRange(port.DroppedBytes, 1, sent);
        Assert.Equal(0x60u, port.Read(LineStatus, 1));
    }

    [Fact]
    public void Burst_reaches_the_sink_in_fewer_writes_than_bytes()
    {
        _sink.HoldBack();
        for (int i = 0; i < 4000; i++) Out(Port, 'x');
        _sink.LetGo();
        _sink.WaitFor(4000);
        Assert.InRange(_sink.Writes, 1, 10);
    }

    [Fact]
    public void Wide_accesses_touch_consecutive_registers()
    {
        _port.Write(InterruptEnable, 4, 0x03_00_00_05);
        Assert.Equal(5u, In(InterruptEnable));
        Assert.Equal(0xFFFF_FF00u | In(Scratch), _port.Read(Scratch, 4));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Any_sequence_of_accesses_is_survived(int seed)
    {
        var random = new Random(seed);
        for (int i = 0; i < 50_000; i++)
        {
            ushort port = (ushort)(Port + random.Next(8));
            int bytes = 1 << random.Next(3);
            if (random.Next(2) == 0) _port.Write(port, bytes, (uint)random.Next());
            else _ = _port.Read(port, bytes);
        }

        _port.Reset(_line);
        Assert.Equal(NoInterrupt, (int)In(InterruptId));
    }

    private void Out(ushort port, int value) => _port.Write(port, 1, (uint)value);

    private uint In(ushort port) => _port.Read(port, 1);
}
