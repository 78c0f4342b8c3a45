using Evenkeel.Kernels;
using Evenkeel.Random;
using Xunit;

namespace Evenkeel.Tests.Kernels;

public sealed unsafe class DropoutMaskTests
{
    [Fact]
    public void Is_Philox_at_every_length()
    {
        const ulong Key = 0x123456789ABCDEF0, Draw = 0x0FEDCBA987654321, Threshold = 1ul << 30;
        for (int length = 0; length <= 257; length++)
        {
            GuardedBuffer<float> single = new(length, 1);
            GuardedBuffer<double> wide = new(length, 1);
            DropoutMask.Fill(single.Pointer, length, Key, Draw, Threshold, 4f / 3);
            DropoutMask.Fill(wide.Pointer, length, Key, Draw, Threshold, 4.0 / 3);
            for (int i = 0; i < length; i++)
            {
                (uint w0, uint w1, uint w2, uint w3) = Philox.Block((ulong)((i / 32 * 8) + (i % 8)), Draw, Key);
                uint word = (i / 8 % 4) switch { 0 => w0, 1 => w1, 2 => w2, _ => w3 };
                Assert.Equal(word < Threshold ? 0 : 4f / 3, single.Values[i]);
                Assert.Equal(word < Threshold ? 0 : 4.0 / 3, wide.Values[i]);
            }

            single.Check();
            wide.Check();
        }
    }
}
