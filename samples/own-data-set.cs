#:project ../src/Evenkeel/Evenkeel.csproj
// A data set of your own: a sample is made when a batch needs it. Does the picture have a bright column or a row?
// Prints: best accuracy on 500 other pictures: 97.2 %
using Evenkeel;
using Evenkeel.Data;
using Evenkeel.Losses;
using Evenkeel.Nn;
using Evenkeel.Optim;
using Evenkeel.Random;
using Evenkeel.Training;

var model = new Sequential(new Conv2d(1, 8, kernelSize: 5, padding: 2, bias: false), new BatchNorm2d(8), new ReLU(),
    new MaxPool2d(16), new Flatten(), new Linear(8, 2));
model.Initialize(Init.KaimingNormal, seed: 1);
var trainer = new Trainer(model, new Adam(model.Parameters(), 1e-2), new CrossEntropyLoss(), new() { Epochs = 5 });
History history = trainer.Fit(new Bars(2000, seed: 1), new Bars(500, seed: 2));
Console.WriteLine($"best accuracy on 500 other pictures: {history.BestScore:P1}");

/// <summary>Noisy pictures of 16 x 16 pixels with a bright column (label 0) or a bright row (label 1).</summary>
public sealed class Bars(int count, ulong seed) : IDataset
{
    public int Count => count;
    public Shape SampleShape => [1, 16, 16];
    public void CopyTo(ReadOnlySpan<int> indices, Tensor batch)
    {
        for (int i = 0; i < indices.Length; i++)
        {
            Span<float> picture = batch.AsSpan<float>().Slice(i * 256, 256);
            var noise = new Philox(seed).Split((ulong)indices[i]);
            noise.FillNormal(picture);
            int place = noise.NextInt(16), label = indices[i] % 2;
            for (int j = 0; j < 16; j++) picture[label == 0 ? 16 * j + place : 16 * place + j] += 2;
        }
    }

    public void CopyTargetsTo(ReadOnlySpan<int> indices, Tensor targets)
    {
        for (int i = 0; i < indices.Length; i++) targets.AsSpan<long>()[i] = indices[i] % 2;
    }
}
