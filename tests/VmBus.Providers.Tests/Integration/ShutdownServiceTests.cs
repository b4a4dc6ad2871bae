using VmBus.Protocol.Integration;
using VmBus.Providers.Integration;
using Xunit;
using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.Providers.Tests.Integration;

/// <summary>What the guest is asked to do with itself, and in which versions it can be.</summary>
public sealed class ShutdownServiceTests
{
    private readonly IntegrationGuest _guest = new(IntegrationServices.Shutdown) { Serve = static _ => IntegrationStatus.Success };
    private readonly ShutdownService _shutdown;

    public ShutdownServiceTests() => _shutdown = new ShutdownService(_guest.Provider);

    [Theory]
    [InlineData(GuestShutdown.PowerOff, false, 0u)]
    [InlineData(GuestShutdown.PowerOff, true, 1u)]
    [InlineData(GuestShutdown.Reboot, false, 2u)]
    [InlineData(GuestShutdown.Reboot, true, 3u)]
    [InlineData(GuestShutdown.Hibernate, false, 4u)]
    public void Action_is_what_the_flags_say(GuestShutdown action, bool force, uint flags)
    {
        _guest.Open();
        _guest.Complete(_shutdown.RequestAsync(action, force, CancellationToken.None));
        GuestRequest request = Assert.Single(_guest.Requests);
        Assert.Equal((2088, 0x8000_0000u, 0u, flags), (
            request.Packet.Length,
            ReadUInt32LittleEndian(request.Body),
            ReadUInt32LittleEndian(request.Body[4..]),
            ReadUInt32LittleEndian(request.Body[8..])));
    }

    [Theory]
    [InlineData(1, 0, GuestShutdown.Reboot, false)]
    [InlineData(3, 0, GuestShutdown.Reboot, false)]
    [InlineData(3, 1, GuestShutdown.Reboot, true)]
    [InlineData(3, 1, GuestShutdown.Hibernate, false)]
    [InlineData(1, 0, GuestShutdown.PowerOff, true)]
    public void Old_versions_are_asked_only_for_what_they_know(ushort major, ushort minor, GuestShutdown action, bool isAsked)
    {
        _guest.Version = new IntegrationVersion(major, minor);
        _guest.Open();
        Task task = _shutdown.RequestAsync(action, false, CancellationToken.None);
        if (isAsked) _guest.Complete(task);
        else _guest.Fails(task, IntegrationProblem.BadRequest);
        Assert.Equal(isAsked ? 1 : 0, _guest.Requests.Count);
    }

    [Fact]
    public void Refusal_says_what_was_refused_and_the_status()
    {
        _guest.Serve = static _ => IntegrationStatus.Fail;
        _guest.Open();
        IntegrationException refusal = _guest.Fails(_shutdown.RequestAsync(GuestShutdown.Hibernate, false, CancellationToken.None), IntegrationProblem.Refused);
        Assert.Equal(IntegrationStatus.Fail, refusal.Status);
        Assert.Contains("did not hibernate", refusal.Message, StringComparison.Ordinal);
        Assert.Contains("0x80004005", refusal.Message, StringComparison.Ordinal);
    }
}
