using System.Diagnostics;
using Evenkeel.Data;
using Evenkeel.Losses;
using Evenkeel.Nn;
using Evenkeel.Optim;
using Evenkeel.Random;
using Evenkeel.Training;

namespace Evenkeel.MpiTarget;

/// <summary>Images per second of a ResNet-20 on the shapes of CIFAR-10, and the bytes that travel.</summary>
internal static class Speed
{
    public static string Run(TargetOptions target, IProcessGroup? processes)
    {
        var random = new Philox(1);
        Module model = new ResNet(new ResNetOptions(), random);
        Optimizer optimizer = target.Optimizer == "sgd"
            ? new SGD(model.Parameters(), 0.1, momentum: 0.9) : new Adam(model.Parameters(), 0.01);
        Tensor images = Tensor.Zeros([target.Batch * 4, 3, 32, 32]);
        random.FillNormal(images.AsSpan<float>());
        Tensor labels = Tensor.Zeros([images.Shape[0]], DType.Int64);
        Span<long> classes = labels.AsSpan<long>();
        for (int i = 0; i < classes.Length; i++) classes[i] = i % 10;
        var clock = new Clock(processes);
        var trainer = new Trainer(model, optimizer, new CrossEntropyLoss(), new TrainerOptions
        {
            Epochs = (target.Steps + 3) / 4,
            BatchSize = target.Batch,
            TrainingSamples = 1,
            MicroBatches = target.Parts,
            PoolsBatchStatistics = target.Pools,
            Processes = processes,
            ShardsOptimizerState = target.Shards,
            MaxGradientNorm = target.ClipsInSpeed ? 1 : null,
            Callbacks = [clock],
        });
        trainer.Fit(new TensorDataset(images, labels));
        (double fastest, double step) = (clock.MillisecondsAt(0), clock.MillisecondsAt(0.5));
        long gradient = model.Parameters().Sum(static parameter => (long)parameter.Count) * sizeof(float);
        return $"{target.Batch / step * 1000:F1} images/s, {step:F1} ms a step ({fastest:F1} the fastest), sent "
            + $"{clock.BytesPerStep} bytes a step, gradient {gradient} bytes, state {optimizer.StateBytes} bytes";
    }

    private sealed class Clock(IProcessGroup? processes) : Callback
    {
        private readonly List<double> _steps = [];
        private long _last;
        private long _bytes;

        public double MillisecondsAt(double share) => _steps.Order().ElementAt((int)(_steps.Count * share));

        public long BytesPerStep => _steps.Count == 0 ? 0 : _bytes / _steps.Count;

        public override void OnStepEnd(Trainer trainer)
        {
            long now = Stopwatch.GetTimestamp();
            // The first steps of an epoch hold an evaluation.
            if (trainer.Iteration % trainer.StepsPerEpoch > 1)
            {
                _steps.Add(Stopwatch.GetElapsedTime(_last, now).TotalMilliseconds);
                _bytes += (processes?.BytesSent ?? 0) - _sent;
            }

            (_last, _sent) = (now, processes?.BytesSent ?? 0);
        }

        private long _sent;
    }
}
