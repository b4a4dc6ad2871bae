global using VmBus.TestKit.Network;
