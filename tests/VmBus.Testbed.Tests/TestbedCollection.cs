using Xunit;

namespace VmBus.Testbed.Tests;

/// <summary>All tests of this project share one host.</summary>
[CollectionDefinition(Name)]
[System.Diagnostics.CodeAnalysis.SuppressMessage("Naming", "CA1711", Justification = "It is an xunit collection.")]
public sealed class TestbedCollection : ICollectionFixture<GuestFixture>
{
    public const string Name = "testbed";
}
