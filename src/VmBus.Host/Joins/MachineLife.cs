using System.Runtime.Intrinsics.X86;
using Microsoft.Extensions.Logging;
using VmBus.Machine;
using VmBus.Machine.Acpi;
using VmBus.Machine.Boot;
using VmBus.Memory.Guest;

namespace VmBus.Host.Joins;

/// <summary>One machine from power-on or reset to the next, joined to the bus and the chipset, with the kernel loaded into its memory.</summary>
internal sealed class MachineLife : IDisposable
{
    private const int AddressWidthLeaf = unchecked((int)0x8000_0008);

    private readonly KvmMachine _machine;
    private readonly PartitionMemory _ram;
    private readonly BusBridge _bridge;
    private readonly PartitionClock _clock;
    private readonly Chipset _chipset;
    private readonly BootState _boot;

    /// <summary>Builds the machine over <paramref name="memory"/>, which reads as zero.</summary>
    /// <exception cref="IOException">The kernel refuses a part, or an image cannot be loaded.</exception>
    public MachineLife(PartitionOptions options, HostFiles files, GuestMemory memory, PartitionMemory ram, BusBridge bridge, PartitionClock clock, Chipset chipset, VirtioDevices virtio, ILogger logger)
    {
        _ram = ram;
        _bridge = bridge;
        _clock = clock;
        _chipset = chipset;
        ulong end = memory.GrowthStart.Value + memory.GrowthBytes;
        if (end > 1UL << PhysicalAddressBits)
            throw new IOException($"The memory would end at 0x{end:x}, which this host's processor cannot address ({PhysicalAddressBits} bits): choose less.");
        var machine = new MachineOptions { Name = options.Name, ProcessorCount = options.ProcessorCount, TakesFreePages = options.DynamicMemory, Host = files.Kvm };
        _machine = KvmMachine.Create(machine, memory, bridge, logger);
        try
        {
            AcpiTables acpi = AcpiTables.Build(new AcpiConfiguration(options.ProcessorCount, memory.Bytes, PhysicalAddressBits, end)
            {
                HasPciBus = virtio.Any,
            });
            _boot = new LinuxBoot(options.Kernel, options.Initrd, options.CommandLine) { OpenKernel = files.Kernel, OpenInitrd = files.Initrd }.Load(memory, acpi);
            chipset.Connect(_machine);
            virtio.Connect(_machine, chipset.PciHostBridge);
        }
        catch
        {
            _machine.Dispose();
            throw;
        }

        bridge.Connect(_machine.Synic);
        clock.Connect(_machine);
        ram.Connect(_machine);
    }

    // The guest sees the host's address width: KVM passes this leaf on.
    private static int PhysicalAddressBits => X86Base.CpuId(AddressWidthLeaf, 0).Eax & 0xFF;

    /// <summary>Starts the virtual processors.</summary>
    public void Start() => _machine.Start(_boot);

    /// <summary>Waits until the machine has stopped.</summary>
    public MachineExit Wait() => _machine.Exited.GetAwaiter().GetResult();

    /// <summary>Stops the virtual processors from outside.</summary>
    public void Terminate() => _machine.Stop(MachineExit.Stopped);

    /// <summary>Takes the machine apart. The bus must be quiet: every channel closed.</summary>
    public void Dispose()
    {
        _bridge.Disconnect();
        _clock.Disconnect();
        _ram.Disconnect();
        _chipset.Disconnect();
        _machine.Dispose();
    }
}
