using Microsoft.Extensions.Logging;
using VmBus.Machine.Devices;
using VmBus.Machine.Hypercalls;
using VmBus.Machine.Interrupts;
using VmBus.Machine.Pci;
using VmBus.Machine.Ports;
using VmBus.Machine.Processors;
using VmBus.Memory.Guest;
using VmBus.Native.Kvm;
using VmBus.Native.Linux;

namespace VmBus.Machine;

/// <summary>One life of a partition on KVM: from power-on to power-off, reset or crash.</summary>
/// <remarks>
/// A reset is a new machine over the same memory, because KVM keeps a VM's synthetic state over one. Members may be called from any thread
/// unless they say otherwise. The caller keeps the guest memory and the sink until the machine is disposed.
/// Source: Linux Documentation/virt/kvm/api.rst, protocol-spec/machine.md.
/// </remarks>
public sealed class KvmMachine : IDisposable
{
    // Four pages just below the firmware's place at the top of 32 bits, where no machine has RAM.
    private const ulong IdentityMapAddress = 0xFFFB_C000;
    private const ulong TaskStateAddress = 0xFFFB_D000;

    private const ulong NanosecondsPerTick = 100;

    private readonly MachineOptions _options;
    private readonly ILogger _logger;
    private readonly KvmVm _vm;
    private readonly PortBus _ports = new();
    private readonly MemoryBus _registers = new();
    private readonly List<VirtualProcessor> _processors = [];
    private readonly TaskCompletionSource<MachineExit> _exited = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Lock _gate = new();
    private ExitDispatcher? _dispatcher;
    private MachineExit? _exit;
    private Synic? _synic;
    private MessageRouting? _messages;
    private int _memorySlots;
    private int _running;
    private bool _started;
    private bool _disposed;

    private KvmMachine(MachineOptions options, KvmVm vm, ILogger logger)
    {
        _options = options;
        _vm = vm;
        _logger = logger;
    }

    /// <summary>The synthetic interrupt controller: how host and guest reach each other.</summary>
    public Synic Synic => _synic!;

    /// <summary>Virtual processors.</summary>
    public int ProcessorCount => _options.ProcessorCount;

    /// <summary>What a PCI bus of it needs.</summary>
    internal IPciHost PciHost => _messages!;

    /// <summary>The processors, for tests that look at their registers.</summary>
    internal IReadOnlyList<Processors.VirtualProcessor> Processors => _processors;

    /// <summary>Completes when the machine has ended and every processor's thread is out of the guest for good.</summary>
    public Task<MachineExit> Exited => _exited.Task;

    /// <summary>The exits that reached this process so far.</summary>
    public MachineStatistics Statistics => ProcessorCounters.Sum(_processors.Select(p => p.Counters));

    /// <summary>Creates the VM with its memory, interrupt controllers, timer and processors. Nothing runs yet.</summary>
    /// <param name="options">Size and name.</param>
    /// <param name="memory">The guest's RAM; must outlive the machine.</param>
    /// <param name="sink">Receives the guest's messages and unbound signals.</param>
    /// <param name="logger">For the few lines of the machine's life.</param>
    /// <exception cref="ArgumentOutOfRangeException">The processor count is not 1 to 64.</exception>
    /// <exception cref="KvmUnavailableException">This host cannot run partitions, or not one of this size.</exception>
    public static KvmMachine Create(MachineOptions options, GuestMemory memory, IHypercallSink sink, ILogger logger)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(options.ProcessorCount, 1, nameof(options));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(options.ProcessorCount, MachineOptions.MaximumProcessors, nameof(options));
        using KvmHost? own = options.Host is null ? KvmHost.Open() : null;
        KvmHost host = options.Host ?? own!;
        host.ThrowIfIncomplete();
        if (options.ProcessorCount > host.MaximumProcessors)
        {
            throw new KvmUnavailableException(
                KvmUnavailableReason.MissingCapability, $"This host's KVM takes at most {host.MaximumProcessors} processors per partition.");
        }

        KvmMachine? machine = null;
        try
        {
            machine = new KvmMachine(options, host.System.CreateVm(), logger);
            machine.Build(host.System, memory, sink);
            MachineLog.Created(logger, options.Name, options.ProcessorCount, memory.Bytes >> 20);
            return machine;
        }
        catch (LinuxException e)
        {
            machine?.Dispose();
            throw new KvmUnavailableException(KvmUnavailableReason.Refused, e.Message + ".", e);
        }
        catch
        {
            machine?.Dispose();
            throw;
        }
    }

    /// <summary>Puts a device behind its ports.</summary>
    /// <exception cref="ArgumentException">The range is invalid, or a port of it is taken.</exception>
    public void AddPortDevice(IPortDevice device) => _ports.Add(device);

    /// <summary>Puts a device behind its addresses.</summary>
    /// <exception cref="ArgumentException">An address of it is taken.</exception>
    public void AddMemoryDevice(IMemoryDevice device) => _registers.Add(device);

    /// <summary>The line into interrupt controller input <paramref name="gsi"/> (0 to 23; 2 is not connected).</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is no such input.</exception>
    public IInterruptLine GetInterruptLine(int gsi)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(gsi);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(gsi, InterruptRouting.InputCount);
        return new KvmInterruptLine(_vm, gsi);
    }

    /// <summary>Starts the processors: the first at <paramref name="state"/>, the others when it calls them.</summary>
    /// <exception cref="InvalidOperationException">The machine was started before.</exception>
    /// <exception cref="KvmUnavailableException">KVM refused the registers.</exception>
    public void Start(BootState state)
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            if (_started) throw new InvalidOperationException("A machine starts once; a reset is a new machine.");
            if (_exit is not null) return;
            try
            {
                ProcessorSetup.Enter(_processors[0].Vcpu, state);
            }
            catch (LinuxException e)
            {
                throw new KvmUnavailableException(KvmUnavailableReason.Refused, e.Message + ".", e);
            }

            _started = true;
            _running = _processors.Count;
            foreach (VirtualProcessor processor in _processors) processor.Start(_dispatcher!, RequestStop, OnProcessorEnd, _logger);
        }
    }

    /// <summary>
    /// Ends the machine: every processor leaves the guest and its thread ends before this returns, except on a processor's own thread (a device
    /// that switches the machine off), where it returns at once and <see cref="Exited"/> completes later. The first end counts.
    /// </summary>
    public void Stop(MachineExit exit)
    {
        RequestStop(exit);
        if (_processors.Exists(p => p.IsCurrent)) return;
        foreach (VirtualProcessor processor in _processors) processor.Join();
    }

    /// <summary>The kernel's own counters: exits, io_exits, mmio_exits, hypercalls, irq_injections and the like.</summary>
    /// <param name="processor">A processor's number, or null for the counters of the whole VM.</param>
    /// <returns>Values by name; empty on a kernel without them (before 5.14).</returns>
    /// <remarks>Opens the kernel's file anew each time: for measurements, not for data paths.</remarks>
    public IReadOnlyDictionary<string, ulong> ReadKernelStatistics(int? processor = null)
    {
        KvmDescriptor source = processor is int index ? _processors[index].Vcpu : _vm;
        try
        {
            using KvmStatistics statistics = source.OpenStatistics();
            return statistics.Read();
        }
        catch (LinuxException)
        {
            return new Dictionary<string, ulong>(StringComparer.Ordinal);
        }
    }

    /// <summary>The partition's reference counter together with the time of day at the same moment.</summary>
    /// <param name="time">Both, as <see cref="MachineTime"/> says.</param>
    /// <returns>False when the machine is gone.</returns>
    public bool TryReadTime(out MachineTime time)
    {
        time = default;
        lock (_gate)
        {
            if (_disposed) return false;
            DateTime before = DateTime.UtcNow;
            if (_vm.GetClock(out kvm_clock_data clock) < 0) return false;
            // The kernel gives both at once where the processors' counters are in step; else the moment lies between two looks at the time.
            DateTime now = (clock.flags & KvmConstant.KVM_CLOCK_REALTIME) != 0
                ? DateTime.UnixEpoch.AddTicks((long)(clock.realtime / NanosecondsPerTick))
                : before + ((DateTime.UtcNow - before) / 2);
            time = new MachineTime(clock.clock / NanosecondsPerTick, now);
            return true;
        }
    }

    /// <summary>Gives the guest more memory while it runs; it does not look before it is told. One thread at a time adds and takes.</summary>
    /// <exception cref="LinuxException">The kernel refused.</exception>
    /// <exception cref="ObjectDisposedException">The machine is gone.</exception>
    public void AddMemory(MemoryRegion region)
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            _vm.SetMemory(_memorySlots, region.Start.Value, region.Bytes, region.HostAddress);
            _memorySlots++;
        }
    }

    /// <summary>Takes back what <see cref="AddMemory"/> gave last, when the guest does not use it.</summary>
    /// <exception cref="LinuxException">The kernel refused.</exception>
    /// <exception cref="ObjectDisposedException">The machine is gone.</exception>
    public void TakeMemory(MemoryRegion region)
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            // Without bytes a slot goes away.
            _vm.SetMemory(_memorySlots - 1, region.Start.Value, 0, region.HostAddress);
            _memorySlots--;
        }
    }

    /// <summary>Stops the machine if it runs and frees everything it has. Not on a processor's own thread.</summary>
    public void Dispose()
    {
        Stop(MachineExit.Stopped);
        lock (_gate)
        {
            if (_disposed) return;
            _disposed = true;
        }

        // The eventfds go last: closing the VM is what makes the kernel let go of them.
        _synic?.Close();
        foreach (VirtualProcessor processor in _processors) processor.Dispose();
        _vm.Dispose();
        _synic?.DisposeDescriptors();
    }

    private void Build(KvmSystem system, GuestMemory memory, IHypercallSink sink)
    {
        KickSignal.Install();
        _vm.SetRealModePages(IdentityMapAddress, TaskStateAddress);
        foreach (MemoryRegion region in memory.Regions) _vm.SetMemory(_memorySlots++, region.Start.Value, region.Bytes, region.HostAddress);

        _vm.CreateInterruptControllers();
        _vm.CreateIntervalTimer();
        _vm.InterceptMsrs(
            new KvmMsrRange(Crash.CrashRegisters.FirstMsr, Crash.CrashRegisters.MsrCount, Reads: true),
            new KvmMsrRange(InterruptRouting.VmBusSourceMsr, 1, Reads: false));

        kvm_cpuid_entry2[] supported = system.GetSupportedCpuid();
        kvm_cpuid_entry2[] hyperV = system.GetSupportedHvCpuid();
        bool tscDeadline = system.CheckExtension(KvmCap.KVM_CAP_TSC_DEADLINE_TIMER) > 0;
        for (int index = 0; index < _options.ProcessorCount; index++)
        {
            KvmVcpu vcpu = _vm.CreateVcpu(index);
            _processors.Add(new VirtualProcessor(index, vcpu));
            ProcessorSetup.Prepare(vcpu, index, CpuidTable.Build(supported, hyperV, _options.ProcessorCount, index, tscDeadline, _options.TakesFreePages));
        }

        // Synthetic routes only count for processors whose controller is enabled by now.
        int routed = _vm.SetRouting(InterruptRouting.Build(_options.ProcessorCount));
        if (routed < 0) throw new LinuxException("Setting the interrupt routes failed", -routed);
        _messages = new MessageRouting(_vm, _options.ProcessorCount);
        _synic = new Synic(memory, _options.ProcessorCount, new KvmSynicKernel(_vm, [.. _processors.Select(static processor => processor.Vcpu)]), _logger);
        FreePageHints? hints = _options.TakesFreePages ? new FreePageHints(memory) : null;
        _dispatcher = new ExitDispatcher(_options, memory, _ports, _registers, _synic, new HypercallDispatcher(memory, sink, hints), _logger);
    }

    private void RequestStop(MachineExit exit)
    {
        bool neverStarted;
        lock (_gate)
        {
            if (_exit is not null) return;
            _exit = exit;
            neverStarted = !_started;
        }

        foreach (VirtualProcessor processor in _processors) processor.RequestStop();
        if (neverStarted) _exited.TrySetResult(exit);
    }

    private void OnProcessorEnd()
    {
        if (Interlocked.Decrement(ref _running) != 0) return;
        MachineExit exit = _exit!;
        if (exit.Kind == MachineExitKind.Failed) MachineLog.Failed(_logger, _options.Name, exit.Failure!);
        else MachineLog.Ended(_logger, _options.Name, exit.Kind);
        _exited.TrySetResult(exit);
    }
}
