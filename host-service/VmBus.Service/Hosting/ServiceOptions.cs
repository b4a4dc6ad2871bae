using VmBus.Native.Linux;
using VmBus.Service.Http;

namespace VmBus.Service.Hosting;

/// <summary>Where the service keeps things; section <c>Service</c> of the configuration.</summary>
internal sealed class ServiceOptions
{
    /// <summary>Name of the section.</summary>
    public const string Section = "Service";

    /// <summary>Folder of the partitions' definitions.</summary>
    public string Definitions { get; set; } = Path.Combine(ConfigurationFolder, "partitions");

    /// <summary>Folder of what is there while partitions run: sockets, logs and records of workers. Empty after a boot.</summary>
    public string State { get; set; } = DefaultState;

    /// <summary>Group whose members may use the sockets beside root and the service's user; null for none.</summary>
    public string? Group { get; set; }

    /// <summary>The <c>vmbus</c> program, which the workers are.</summary>
    public string Program { get; set; } = DefaultProgram();

    /// <summary>Whether workers are made units of systemd: true, false, or null for where systemd runs and the service is root's.</summary>
    public bool? Systemd { get; set; }

    /// <summary>
    /// Users that root's workers run as once everything they need is open, each as another: <c>FIRST-LAST</c>, numbers that nobody else has; or <c>none</c>, and they stay root with few capabilities.
    /// </summary>
    public string WorkerUsers { get; set; } = Workers.WorkerUsers.Default;

    /// <summary>Where metrics, health and the dashboard are served: <c>unix</c> (a socket in the state folder), <c>unix:PATH</c>, <c>ADDRESS:PORT</c>, several with commas; or <c>none</c>.</summary>
    public string Http { get; set; } = HttpEndpoint.Default;

    /// <summary>Whether <see cref="Http"/> may name an address that others than this host reach.</summary>
    public bool HttpRemote { get; set; }

    /// <summary>Whether guests' consoles can be read by TCP; by the Unix socket they can.</summary>
    public bool HttpConsole { get; set; }

    /// <summary>Names that this host is reached by, beside localhost and its addresses.</summary>
    public IList<string> HttpHosts { get; } = [];

    /// <summary>The service's control socket.</summary>
    public string Socket => Path.Combine(State, "vmbusd.sock");

    /// <summary>The Unix socket that serves HTTP unless configured.</summary>
    public string HttpSocket => Path.Combine(State, "http.sock");

    /// <summary>Where the service's own configuration is.</summary>
    public static string ConfigurationFolder => IsRoot ? "/etc/vmbus" : Path.Combine(Variable("XDG_CONFIG_HOME") ?? Path.Combine(Home, ".config"), "vmbus");

    /// <summary>Where the log files are unless configured.</summary>
    public static string LogFolder => IsRoot ? "/var/log/vmbus" : Path.Combine(Variable("XDG_STATE_HOME") ?? Path.Combine(Home, ".local", "state"), "vmbus");

    private static bool IsRoot => FileOwner.CurrentUser == 0;

    private static string Home => Variable("HOME") ?? "/";

    private static string DefaultState => IsRoot ? "/run/vmbus" : Variable("XDG_RUNTIME_DIR") is { } folder ? Path.Combine(folder, "vmbus") : Path.Combine(LogFolder, "run");

    private static string DefaultProgram()
    {
        string beside = Path.Combine(AppContext.BaseDirectory, "vmbus");
        return File.Exists(beside) ? beside : "/usr/bin/vmbus";
    }

    private static string? Variable(string name) => Environment.GetEnvironmentVariable(name) is { Length: > 0 } value ? value : null;
}
