using Xunit;

namespace VmBus.Testbed.Tests;

/// <summary>The tests that make no network interfaces: they share one host.</summary>
[CollectionDefinition(Name)]
[System.Diagnostics.CodeAnalysis.SuppressMessage("Naming", "CA1711", Justification = "It is an xunit collection.")]
public sealed class TestbedCollection : ICollectionFixture<GuestFixture>
{
    public const string Name = "testbed";
}

/// <summary>
/// The tests that make network interfaces, whose names they all use: they share a second host, beside the first. A guest's boot keeps little more
/// than one processor of this machine busy, so two hosts end sooner than one that does the same. Some others are here, too, so that both end together.
/// </summary>
[CollectionDefinition(Name)]
[System.Diagnostics.CodeAnalysis.SuppressMessage("Naming", "CA1711", Justification = "It is an xunit collection.")]
public sealed class LinkedTestbedCollection : ICollectionFixture<LinkedGuestFixture>
{
    public const string Name = "testbed with links";
}

/// <summary>The host of the tests that make network interfaces.</summary>
public sealed class LinkedGuestFixture() : GuestFixture("--memory", "4G");
