using System.Collections.Concurrent;
using Microsoft.Extensions.Logging.Abstractions;
using VmBus.Lanes;
using VmBus.Machine.Devices;
using VmBus.Machine.Hypercalls;
using VmBus.Memory.Guest;
using Xunit;

namespace VmBus.Machine.Tests.Guests;

/// <summary>A machine with 16 MiB that runs a <see cref="GuestProgram"/>, and what the guest reported.</summary>
internal sealed class GuestMachine : IDisposable, IHypercallSink
{
    private const ulong Program = 0x10_0000;
    private const ulong Handler = 0x18_0000;
    private const ulong Stack = 0x28_0000;
    private const ulong InterruptTable = 0x2000;
    private const ulong DescriptorTable = 0x1000;
    private const ulong PageTables = 0x4000;
    private const ushort CodeSelector = 0x10;
    private const ushort DataSelector = 0x18;

    // An emulated processor is slow; a machine that has not answered by then never will.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly Lane? _lane;
    private IDisposable? _watch;

    private GuestMachine(GuestMemory memory, bool ownsMemory, MachineOptions options, Lane? lane)
    {
        Memory = memory;
        OwnsMemory = ownsMemory;
        _lane = lane;
        Machine = KvmMachine.Create(options, memory, this, NullLogger.Instance);
        Machine.AddPortDevice(new ReportDevice(this));
        Machine.AddPortDevice(new PowerDevice(this));
    }

    internal GuestMemory Memory { get; }

    internal KvmMachine Machine { get; }

    internal BlockingCollection<uint> Reports { get; } = [];

    internal ConcurrentQueue<(uint ConnectionId, uint Type, byte[] Payload)> Posts { get; } = new();

    internal ConcurrentQueue<(uint ConnectionId, ushort Flag)> Signals { get; } = new();

    internal HypercallStatus Answer { get; set; } = HypercallStatus.Success;

    private bool OwnsMemory { get; }

    public HypercallStatus PostMessage(uint connectionId, uint messageType, ReadOnlySpan<byte> payload)
    {
        Posts.Enqueue((connectionId, messageType, payload.ToArray()));
        return Answer;
    }

    public HypercallStatus SignalEvent(uint connectionId, ushort flag)
    {
        Signals.Enqueue((connectionId, flag));
        return HypercallStatus.InvalidConnectionId;
    }

    public void Dispose()
    {
        _lane?.Invoke(() => _watch?.Dispose());
        _lane?.Dispose();
        Machine.Dispose();
        Reports.Dispose();
        if (OwnsMemory) Memory.Dispose();
    }

    /// <summary>Creates a machine; with a lane, messages are pumped on it when the guest ends one.</summary>
    internal static GuestMachine Create(int processors = 1, bool pump = false, GuestMemory? memory = null, bool stopOnCrash = true)
    {
        Lane? lane = pump ? Lane.Start("messages", NullLogger.Instance) : null;
        var options = new MachineOptions { ProcessorCount = processors, Name = "test", StopOnCrash = stopOnCrash };
        return new GuestMachine(memory ?? GuestMemory.Create(16 << 20), memory is null, options, lane);
    }

    /// <summary>Writes bytes into guest memory.</summary>
    internal GuestMachine Write(ulong address, ReadOnlySpan<byte> bytes)
    {
        Assert.True(Memory.TryWrite(new Gpa(address), bytes));
        return this;
    }

    /// <summary>Loads a program (and an interrupt handler) and starts it in long mode.</summary>
    internal GuestMachine Run(GuestProgram program, GuestProgram? handler = null)
    {
        Write(Program, program.Assemble(Program));
        if (handler is not null) Write(Handler, handler.Assemble(Handler));
        WriteTables();
        _lane?.Invoke(() => _watch = _lane.Watch(Machine.Synic.EndOfMessage, new Pump(this)));
        Machine.Start(new BootState
        {
            Mode = BootMode.Long64,
            InstructionPointer = Program,
            StackPointer = Stack,
            PageTableRoot = PageTables,
            Gdt = new DescriptorTable(DescriptorTable, 0x1F),
            Idt = new DescriptorTable(InterruptTable, 0xFFF),
            CodeSelector = CodeSelector,
            DataSelector = DataSelector,
        });
        return this;
    }

    /// <summary>The next value the guest reports.</summary>
    internal uint NextReport()
        => Reports.TryTake(out uint value, Patience) ? value : throw new TimeoutException("The guest reported nothing.");

    /// <summary>The machine's end.</summary>
    internal async Task<MachineExit> ExitAsync() => await Machine.Exited.WaitAsync(Patience);

    // Identity map of the low 4 GiB with 2 MiB pages, a flat code and data segment, and one interrupt gate.
    private void WriteTables()
    {
        byte[] tables = new byte[6 * 4096];
        BitConverter.TryWriteBytes(tables, (PageTables + 0x1000) | 3);
        for (int gib = 0; gib < 4; gib++)
        {
            BitConverter.TryWriteBytes(tables.AsSpan(0x1000 + (gib * 8)), (PageTables + 0x2000 + ((ulong)gib * 0x1000)) | 3);
            for (int page = 0; page < 512; page++)
                BitConverter.TryWriteBytes(tables.AsSpan(0x2000 + (gib * 0x1000) + (page * 8)), ((ulong)((gib * 512) + page) << 21) | 0x83);
        }

        Write(PageTables, tables);
        byte[] descriptors = new byte[32];
        BitConverter.TryWriteBytes(descriptors.AsSpan(CodeSelector), 0x00AF_9B00_0000_FFFF);
        BitConverter.TryWriteBytes(descriptors.AsSpan(DataSelector), 0x00CF_9300_0000_FFFF);
        Write(DescriptorTable, descriptors);
        byte[] gate = new byte[16];
        BitConverter.TryWriteBytes(gate, (Handler & 0xFFFF) | ((ulong)CodeSelector << 16) | 0x8E00_0000_0000 | (Handler >> 16 << 48));
        Write(InterruptTable + ((ulong)GuestProgram.VmBusVector * 16), gate);
    }

    private sealed class ReportDevice(GuestMachine owner) : IPortDevice
    {
        public PortRange Range => new(GuestProgram.ReportPort, 4);

        public uint Read(ushort port, int bytes) => 0x1122_3344;

        public void Write(ushort port, int bytes, uint value) => owner.Reports.Add(value);
    }

    private sealed class PowerDevice(GuestMachine owner) : IPortDevice
    {
        public PortRange Range => new(GuestProgram.PowerPort, 4);

        public uint Read(ushort port, int bytes) => 0;

        public void Write(ushort port, int bytes, uint value) => owner.Machine.Stop(MachineExit.PowerOff);
    }

    private sealed class Pump(GuestMachine owner) : ILaneHandler
    {
        public bool Run()
        {
            if (owner.Machine.Synic.IsWaitingForSlot) owner.Machine.Synic.Pump();
            return false;
        }
    }
}
