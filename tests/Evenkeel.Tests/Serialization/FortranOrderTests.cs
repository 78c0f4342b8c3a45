using Evenkeel.Serialization;
using Xunit;

namespace Evenkeel.Tests.Serialization;

public sealed class FortranOrderTests
{
    public static TheoryData<long[]> Shapes =>
    [
        new long[] { 1 }, new long[] { 7 }, new long[] { 1, 5 }, new long[] { 5, 1 }, new long[] { 2, 3 },
        new long[] { 16, 16 }, new long[] { 17, 33 }, new long[] { 40, 1, 40 }, new long[] { 3, 0, 4 },
        new long[] { 2, 3, 4 }, new long[] { 2, 3, 4, 5 }, new long[] { 18, 2, 3, 17 }, new long[] { 2, 1, 3, 1, 2, 2 },
        new long[] { 2, 2, 2, 2, 2, 2, 2, 2, 2 },
    ];

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Each_value_comes_to_the_place_of_its_indices(long[] sizes)
    {
        int count = (int)sizes.Aggregate(1L, static (a, b) => a * b);
        foreach (int size in new[] { 1, 2, 4, 8, 16 })
        {
            byte[] from = new byte[count * size], to = new byte[count * size];
            new System.Random(1).NextBytes(from);
            FortranOrder.ToRowMajor(from, to, sizes, size);
            for (int row = 0; row < count; row++)
            {
                // The indices of the row-major place, then the column-major place.
                int rest = row, column = 0;
                var indices = new int[sizes.Length];
                for (int axis = sizes.Length - 1; axis >= 0; axis--)
                {
                    indices[axis] = rest % (int)sizes[axis];
                    rest /= (int)sizes[axis];
                }

                for (int axis = sizes.Length - 1; axis >= 0; axis--)
                    column = (column * (int)sizes[axis]) + indices[axis];
                Assert.True(from.AsSpan(column * size, size).SequenceEqual(to.AsSpan(row * size, size)));
            }
        }
    }
}
