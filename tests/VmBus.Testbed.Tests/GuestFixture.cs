using System.Collections.Concurrent;
using VmBus.TestKit.Testbed;

namespace VmBus.Testbed.Tests;

/// <summary>The testbed's host with the guests of <c>tests/testbed/guest-image</c> and the published <c>vmbus</c>.</summary>
public class GuestFixture : TestbedFixture
{
    private readonly ConcurrentDictionary<(string Monitor, string Kernel, int Cpus), Lazy<Task<GuestSurvey>>> _surveys = new();
    private string _minimal = "";
    private string _debian = "";
    private string _program = "";
    private string _hostile = "";
    private string _guestTools = "";
    private string _soak = "";
    private string _loader = "";
    private string _image = "";
    private string _cloudImage = "";

    /// <summary>The usual host.</summary>
    public GuestFixture()
    {
    }

    /// <summary>Another host.</summary>
    /// <param name="options">Options of <c>tests/testbed/run</c>.</param>
    protected GuestFixture(params string[] options)
        : base(options)
    {
    }

    /// <summary>Runs a script that boots guests with <c>tests/testbed/guest-run</c>; Debian's root image is <c>$VMBUS_SCRATCH/root.img</c>.</summary>
    /// <param name="script">The script; <c>$VMBUS</c> names the program, <c>$MINIMAL</c>, <c>$VMBUS_GUESTS</c> and <c>$HOSTILE</c> the folders of the guests, <c>$GUEST_TOOLS</c> that of the guest tools' package, <c>$SOAK_GUEST</c> that of <c>soak</c>'s guests in a full run, <c>$IMAGE</c> and <c>$CLOUD_IMAGE</c> those of images with GRUB, without and with cloud-init.</param>
    /// <param name="limit">Its time limit.</param>
    public async Task<CommandResult> RunGuestAsync(string script, TimeSpan limit)
    {
        await StartHostAsync();    // and with it, the names below
        return await RunAsync($"export VMBUS='{_program}/vmbus' VMBUS_GUESTS='{_debian}' MINIMAL='{_minimal}' HOSTILE='{_hostile}' GUEST_TOOLS='{_guestTools}' SOAK_GUEST='{_soak}' VMBUS_LOADER='{_loader}' IMAGE='{_image}' CLOUD_IMAGE='{_cloudImage}'\n{script}", limit);
    }

    /// <summary>The survey of a guest, made once per kind of guest.</summary>
    /// <param name="monitor"><c>vmbus</c> or <c>qemu</c>.</param>
    /// <param name="kernel">6.1 or 6.12.</param>
    /// <param name="cpus">Virtual processors.</param>
    public Task<GuestSurvey> SurveyAsync(string monitor, string kernel, int cpus) => _surveys.GetOrAdd(
        (monitor, kernel, cpus),
        kind => new Lazy<Task<GuestSurvey>>(() => GuestSurvey.RunAsync(this, kind.Monitor, kind.Kernel, kind.Cpus))).Value;

    protected override async Task<IReadOnlyList<string>> PrepareAsync()
    {
        _minimal = await RunToolAsync("tests/testbed/guest-image", "minimal");
        _debian = await RunToolAsync("tests/testbed/guest-image", "debian");
        _program = await RunToolAsync("host-service/publish");
        _hostile = await RunToolAsync("tests/testbed/hostile-guest");
        _guestTools = await RunToolAsync("guest-tools/package");
        if (FullDataAttribute.IsWanted) _soak = await RunToolAsync("tests/testbed/soak-guest");
        if (!DiskImageFactAttribute.IsWanted) return [Path.Combine(_debian, "root.img")];
        _loader = await RunToolAsync("host-service/loader/build");
        _image = await RunToolAsync("tests/testbed/boot-image", "grub");
        _cloudImage = await RunToolAsync("tests/testbed/boot-image", "cloud");
        return [Path.Combine(_debian, "root.img")];
    }
}
