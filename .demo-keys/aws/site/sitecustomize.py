import sys
sys.path.append('/work/main')
from Scripts.demo import resolver
resolver.install()
