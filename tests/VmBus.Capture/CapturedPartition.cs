using System.Runtime.Intrinsics.X86;
using Microsoft.Extensions.Logging.Abstractions;
using VmBus.Bus;
using VmBus.Bus.Devices;
using VmBus.Bus.Ports;
using VmBus.Capture.Network;
using VmBus.Host;
using VmBus.Host.Consoles;
using VmBus.Host.Devices;
using VmBus.Host.Joins;
using VmBus.Lanes;
using VmBus.Machine;
using VmBus.Machine.Acpi;
using VmBus.Machine.Boot;
using VmBus.Machine.Processors;
using VmBus.Memory.Guest;
using VmBus.Network.Links;
using VmBus.Providers.Network;
using VmBus.Storage.Disks;
using VmBus.Storage.Scsi.Units;
using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.Capture;

/// <summary>A partition of the host's own parts, joined as <see cref="Partition"/> joins them, with a recorder between machine, bus and device.</summary>
internal static class CapturedPartition
{
    private const int AddressWidthLeaf = unchecked((int)0x8000_0008);

    // Guest OS id, hypercall page, processor number, reference TSC page, VP assist page; control, event and message page of the SynIC; SINT 2.
    private static readonly uint[] Msrs =
        [0x4000_0000, 0x4000_0001, 0x4000_0002, 0x4000_0021, 0x4000_0073, 0x4000_0080, 0x4000_0082, 0x4000_0083, 0x4000_0092];

    /// <summary>Runs one guest to its end; with <paramref name="integration"/> it is offered the integration services too, and asked to power off by them.</summary>
    /// <exception cref="InvalidOperationException">The machine failed.</exception>
    public static void Run(PartitionOptions options, bool integration, IConsole console, Recording recording)
    {
        NullLogger logger = NullLogger.Instance;
        using StorageController? storage = options.Disks.Count == 0 ? null : StorageController.Open(options, logger);
        using ILink? link = options.NetworkAdapters.Count == 0 ? null : LinkFactory.Open(options.NetworkAdapters[0], logger);
        IChannelDevice device = storage is not null ? Disk(storage, recording) : Adapter(options, link!, recording);
        using GuestMemory memory = GuestMemory.Create(options.MemoryBytes);
        using Lane lane = Lane.Start("lane-0", logger);
        var bridge = new BusBridge();
        var recorder = new RecordingPorts(bridge, memory, recording);
        using VmBusServer bus = VmBusServer.Start(new BusPorts(recorder, recorder, bridge, memory), [lane], options.MaximumVersion, logger);
        bridge.Attach(bus);
        bus.Offer(device);
        var clock = new PartitionClock();
        using var adapters = new NetworkAdapters(options.Name, options.ProcessorCount, nic => LinkFactory.Open(nic, logger), null, logger);
        using var services = new IntegrationComponents(options.Name, clock, adapters, HostDevices.Instance, logger);
        if (integration) services.OfferOn(service => bus.Offer(new RecordingIntegration(service, recording)));
        using var chipset = new Chipset(console);
        using KvmMachine machine = KvmMachine.Create(
            new MachineOptions { Name = options.Name, ProcessorCount = options.ProcessorCount, StopOnCrash = false }, memory, recorder, logger);
        recorder.Processors = machine.Processors;
        AcpiTables acpi = AcpiTables.Build(
            new AcpiConfiguration(options.ProcessorCount, memory.Bytes, X86Base.CpuId(AddressWidthLeaf, 0).Eax & 0xFF));
        BootState boot = new LinuxBoot(options.Kernel, options.Initrd, options.CommandLine).Load(memory, acpi);
        chipset.Connect(machine);
        bridge.Connect(machine.Synic);
        clock.Connect(machine);
        machine.Start(boot);
        Task talk = integration ? IntegrationTalk.RunAsync(services) : Task.CompletedTask;
        MachineExit exit = machine.Exited.GetAwaiter().GetResult();
        foreach (VirtualProcessor processor in machine.Processors) RecordMsrs(processor, recording);
        bus.Reset();
        bridge.Disconnect();
        clock.Disconnect();
        chipset.Disconnect();
        if (exit.Kind is not (MachineExitKind.PowerOff or MachineExitKind.Reset)) throw new InvalidOperationException($"The guest ended with {exit.Kind}: {exit.Failure}{exit.Crash}");
        talk.GetAwaiter().GetResult();
    }

    // With what a replay needs to build the same target.
    private static RecordingDevice Disk(StorageController storage, Recording recording)
    {
        LogicalUnit unit = storage.Target.Units.Values.Single();
        DiskGeometry geometry = unit.Disk.Geometry;
        DiskTraits traits = unit.Disk.Traits;
        recording.Describe("controller", storage.Provider.Offer.InterfaceInstance.ToString());
        recording.Describe("disk", $"{geometry.Bytes} {geometry.LogicalSectorBytes} {geometry.PhysicalSectorBytes}");
        recording.Describe("traits", $"{traits.WriteCache} {traits.DiscardGranularityBytes} {traits.MaximumTransferBytes} {traits.Rotational}");
        recording.Describe("identity", $"{unit.Identity.Serial} {unit.Identity.Identity}");
        return new RecordingDevice(storage.Provider, storage.Target, recording);
    }

    // With what a replay needs to build the same adapter.
    private static RecordingNetworkDevice Adapter(PartitionOptions options, ILink link, Recording recording)
    {
        var adapter = new NetworkAdapter(options.Name, "nic0", options.NetworkAdapters[0]);
        LinkTraits traits = link.Traits;
        recording.Describe("adapter", $"{adapter.Instance} {adapter.Address}");
        recording.Describe("link", $"{traits.MaximumQueues} {(int)traits.SendOffloads} {(int)traits.ReceiveOffloads} {traits.MaximumFrameBytes} {traits.BitsPerSecond}");
        var limits = new NetworkOptions(adapter.Address) { MaximumQueues = options.ProcessorCount };
        return new RecordingNetworkDevice(new NetworkProvider(link, adapter.Instance, limits, NullLogger.Instance), link, recording);
    }

    // Read when the guest has ended, its driver still loaded: what the guest wrote last.
    private static void RecordMsrs(VirtualProcessor processor, Recording recording)
    {
        Span<byte> bytes = stackalloc byte[sizeof(ulong)];
        foreach (uint msr in Msrs)
        {
            if (!processor.Vcpu.TryGetMsr(msr, out ulong value)) continue;
            WriteUInt64LittleEndian(bytes, value);
            recording.Add(Topic.Synic, true, $"msr 0x{msr:x8} processor {processor.Index}", bytes);
        }
    }
}
