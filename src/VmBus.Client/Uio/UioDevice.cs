using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using VmBus.Memory.Synic;
using VmBus.Native.Linux;

namespace VmBus.Client.Uio;

/// <summary>A VMBus device of the guest that this process runs in, as its kernel's sysfs shows it, to be served from user space by <c>uio_hv_generic</c>.</summary>
/// <remarks>
/// Needs root. Any thread. Source: Linux <c>Documentation/driver-api/uio-howto.rst</c> and <c>drivers/uio/uio_hv_generic.c</c>; protocol-spec/channel.md#user-space-drivers.
/// </remarks>
public sealed class UioDevice
{
    private const string Driver = "uio_hv_generic";

    private readonly string _root;
    private readonly string _folder;

    private UioDevice(string root, string folder)
    {
        (_root, _folder) = (root, folder);
        Instance = Path.GetFileName(folder);
    }

    /// <summary>The instance identifier, in the kernel's spelling.</summary>
    public string Instance { get; }

    /// <summary>The driver that has it now; null for none.</summary>
    public string? BoundDriver => Path.GetFileName(new DirectoryInfo(Path.Combine(_folder, "driver")).LinkTarget);

    /// <summary>Its node while it is bound to <c>uio_hv_generic</c>; else null.</summary>
    public string? Node => ReadUio() is { } uio ? Path.Combine(_root, "dev", uio) : null;

    /// <summary>The bit of the monitor page by which the host is signalled; null for hypercalls.</summary>
    public byte? MonitorId => TryRead(Path.Combine(_folder, "monitor_id")) is { } text && byte.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out byte id)
        && id < MonitorTrigger.IdCount ? id : null;

    /// <summary>All devices of an interface type.</summary>
    /// <param name="interfaceType">What they were offered as.</param>
    /// <param name="root">The file system that has <c>sys</c> and <c>dev</c>.</param>
    public static IReadOnlyList<UioDevice> Find(Guid interfaceType, string root = "/")
    {
        string bus = Path.Combine(root, "sys/bus/vmbus/devices");
        if (!Directory.Exists(bus)) return [];
        return [.. Directory.GetDirectories(bus).Where(folder => ReadClass(folder) == interfaceType).Order(StringComparer.Ordinal).Select(folder => new UioDevice(root, folder))];
    }

    /// <summary>Has the kernel give the device to user space, and loads the driver for that where it is not.</summary>
    /// <exception cref="UioException">The kernel does not: its line says why.</exception>
    public void Bind()
    {
        if (BoundDriver == Driver) return;
        LoadDriver();
        // Kernels that know the interface type bind it as soon as the driver is there.
        if (BoundDriver == Driver) return;
        Write(Path.Combine(_folder, "driver_override"), Driver, $"reserving device {Instance} for {Driver}");
        if (BoundDriver is { } other) Write(Path.Combine(_root, "sys/bus/vmbus/drivers", other, "unbind"), Instance, $"taking device {Instance} from {other}");
        Write(Path.Combine(_root, "sys/bus/vmbus/drivers", Driver, "bind"), Instance, $"giving device {Instance} to {Driver}");
    }

    /// <summary>Gives the device back to the kernel's own drivers.</summary>
    /// <exception cref="UioException">The kernel does not take it.</exception>
    public void Unbind()
    {
        Write(Path.Combine(_folder, "driver_override"), "\n", $"releasing device {Instance}");
        if (BoundDriver == Driver) Write(Path.Combine(_root, "sys/bus/vmbus/drivers", Driver, "unbind"), Instance, $"taking device {Instance} from {Driver}");
        Write(Path.Combine(_root, "sys/bus/vmbus/drivers_probe"), Instance, $"finding a driver for device {Instance}");
    }

    /// <summary>Opens its channel. The kernel lets several programs in, which then spoil each other's packets: one looks before.</summary>
    /// <param name="wake">Signalled, it ends every <see cref="UioChannel.Wait"/>.</param>
    /// <exception cref="UioException">It is not bound, or the host does not open it.</exception>
    public UioChannel Open(EventFd wake)
    {
        if (ReadUio() is not { } uio) throw new UioException($"Device {Instance} is not served by {Driver}: bind it first.");
        string size = Read(Path.Combine(_root, "sys/class/uio", uio, "maps/map0/size"));
        if (!size.StartsWith("0x", StringComparison.Ordinal) || !int.TryParse(size.AsSpan(2), NumberStyles.HexNumber, CultureInfo.InvariantCulture, out int bytes))
            throw new UioException($"The kernel says that the rings of {uio} have '{size}' bytes.");
        string channel = Directory.GetDirectories(Path.Combine(_folder, "channels")).Order(StringComparer.Ordinal).FirstOrDefault()
            ?? throw new UioException($"Device {Instance} has no channel any more.");
        return UioChannel.Open(Path.Combine(_root, "dev", uio), Path.Combine(channel, "ring"), bytes, MonitorId, wake);
    }

    private static Guid? ReadClass(string folder)
        => TryRead(Path.Combine(folder, "class_id")) is { } text && Guid.TryParse(text, out Guid value) ? value : null;

    private string? ReadUio() => Directory.Exists(Path.Combine(_folder, "uio"))
        ? Directory.GetDirectories(Path.Combine(_folder, "uio")).Select(Path.GetFileName).FirstOrDefault()
        : null;

    private void LoadDriver()
    {
        if (Directory.Exists(Path.Combine(_root, "sys/bus/vmbus/drivers", Driver))) return;
        try
        {
            using Process? process = Process.Start(new ProcessStartInfo("modprobe", [Driver]) { UseShellExecute = false, RedirectStandardError = true });
            string said = process!.StandardError.ReadToEnd();
            process.WaitForExit();
            if (process.ExitCode == 0) return;
            throw new UioException($"The kernel's driver {Driver} cannot be loaded: {said.ReplaceLineEndings(" ").Trim()}");
        }
        catch (Win32Exception)
        {
            throw new UioException($"The kernel's driver {Driver} is not loaded, and there is no modprobe: load it by hand.");
        }
    }

    private static string Read(string path) => TryRead(path) ?? throw new UioException($"'{path}' cannot be read: is the device still there?");

    private static string? TryRead(string path)
    {
        try
        {
            return File.ReadAllText(path).Trim();
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static void Write(string path, string text, string deed)
    {
        try
        {
            // Sysfs takes a value in one write, and none with another length.
            using var file = new FileStream(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0);
            file.Write(System.Text.Encoding.ASCII.GetBytes(text));
        }
        catch (UnauthorizedAccessException)
        {
            throw new UioException($"The kernel does not permit {deed}: run it as root.");
        }
        catch (IOException failure)
        {
            throw new UioException(
                $"The kernel refuses {deed} ({failure.Message.ReplaceLineEndings(" ")}): kernels before 6.10 take only devices with a monitor page.");
        }
    }
}
