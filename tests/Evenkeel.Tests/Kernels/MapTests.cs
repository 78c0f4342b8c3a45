using System.Numerics;
using System.Runtime.Intrinsics;
using Evenkeel.Kernels;
using Xunit;

namespace Evenkeel.Tests.Kernels;

public sealed unsafe class MapTests
{
    [Fact]
    public void Every_length_in_float() => Sweep<float>();

    [Fact]
    public void Every_length_in_double() => Sweep<double>();

    [Fact]
    public void A_repeated_operand_at_every_length()
    {
        for (int length = 0; length <= 257; length++)
        {
            GuardedBuffer<float> a = new(3 * length, 1), row = new(length, 2), column = new(3, 3),
                y = new(3 * length, 4);
            BroadcastPlan plan = BroadcastPlan.Create([3, length], [3, length], [length], [3, 1]);
            Map.Broadcast(plan, a.Pointer, row.Pointer, column.Pointer, y.Pointer, default(Formula<float>));
            for (int i = 0; i < 3 * length; i++)
                Assert.Equal((a.Values[i] * row.Values[i % length]) - column.Values[i / length], y.Values[i]);
            y.Check();
        }
    }

    [Fact]
    public void In_place_with_a_repeated_operand()
    {
        GuardedBuffer<float> a = new(3 * 50, 1), row = new(50, 2);
        float[] before = a.Values.ToArray();
        BroadcastPlan plan = BroadcastPlan.Create([3, 50], [3, 50], [50], [50]);
        Map.Broadcast(plan, a.Pointer, row.Pointer, row.Pointer, a.Pointer, default(Formula<float>));
        for (int i = 0; i < 150; i++) Assert.Equal((before[i] * row.Values[i % 50]) - row.Values[i % 50], a.Values[i]);
    }

    private static void Sweep<T>() where T : unmanaged, IFloatingPointIeee754<T>
    {
        for (int length = 0; length <= 257; length++)
        {
            GuardedBuffer<T> a = new(length, 1), b = new(length, 2), c = new(length, 3), y = new(length, 4);
            Map.Run(a.Pointer, b.Pointer, c.Pointer, y.Pointer, length, default(Formula<T>));
            for (int i = 0; i < length; i++) Assert.Equal((a.Values[i] * b.Values[i]) - c.Values[i], y.Values[i]);
            y.Check();

            T[] expected = y.Values.ToArray();
            Map.Run(a.Pointer, b.Pointer, c.Pointer, a.Pointer, length, default(Formula<T>));
            Assert.Equal(expected, a.Values.ToArray());
            a.Check();
        }
    }

    private readonly struct Formula<T> : IFormula<T> where T : unmanaged, IFloatingPointIeee754<T>
    {
        public static bool ReadsB => true;

        public static bool ReadsC => true;

        public Vector512<T> Invoke(Vector512<T> a, Vector512<T> b, Vector512<T> c) => (a * b) - c;
    }
}
